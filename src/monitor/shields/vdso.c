/* vdso.c - what to write over the vDSO so that its functions become system calls.
 *
 * The image is read in the monitor's own memory, and believed: the kernel wrote it. Only function
 * symbols of its dynamic table are overwritten, and never past their size.
 */
#include "monitor/shields/vdso.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "base/base.h"

#define PATCHES 16
#define UNKNOWNS 16
#define PAGE 4096u

/* What is known. A function whose parameters a system call would not understand fails instead: glibc
 * asks getrandom for its parameters first, and takes the system call when that fails. */
static const struct known {
	const char *name;
	int nr;
} known[] = {
	{ "clock_gettime", SYS_clock_gettime },
	{ "gettimeofday",  SYS_gettimeofday },
	{ "time",          SYS_time },
	{ "getcpu",        SYS_getcpu },
	{ "clock_getres",  SYS_clock_getres },
	{ "getrandom",     -1 },
};

/* The image as its program headers and dynamic table describe it. */
struct image {
	const uint8_t *at;
	uint64_t size;                  /* of the mapping */
	uint64_t bias;                  /* offset less link address; old kernels link it high */
	uint32_t text, text_end;        /* its executable segment */
	const Elf64_Sym *sym;
	uint32_t nsym;
	const char *str;
};

static struct vdso_patch patches[PATCHES];
static const char *unknowns[UNKNOWNS];
static char trouble[128];
static struct vdso_info info = { .patch = patches, .unknown = unknowns };

/* How many symbols a DT_GNU_HASH table covers: one past the end of the last chain. */
static uint32_t gnu_hash_symbols(const uint32_t *h)
{
	uint32_t nbuckets = h[0], first = h[1], words = h[2], last = 0;
	const uint32_t *bucket = h + 4 + 2 * (size_t)words;
	const uint32_t *chain = bucket + nbuckets;

	for (uint32_t i = 0; i < nbuckets; i++)
		last = max_of(last, bucket[i]);
	if (last < first)
		return first;
	while (!(chain[last - first] & 1))
		last++;
	return last + 1;
}

static void image_dynamic(struct image *im, const Elf64_Dyn *d)
{
	for (; d->d_tag != DT_NULL; d++) {
		const uint8_t *p = im->at + (d->d_un.d_ptr + im->bias);

		if (d->d_tag == DT_SYMTAB)
			im->sym = (const Elf64_Sym *)p;
		else if (d->d_tag == DT_STRTAB)
			im->str = (const char *)p;
		else if (d->d_tag == DT_HASH)
			im->nsym = ((const uint32_t *)p)[1];
		else if (d->d_tag == DT_GNU_HASH && !im->nsym)
			im->nsym = gnu_hash_symbols((const uint32_t *)p);
	}
}

static int image_open(struct image *im, const uint8_t *at)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)at;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(at + e->e_phoff), *dynamic = NULL;
	uint64_t end = e->e_shoff + (uint64_t)e->e_shnum * e->e_shentsize;

	im->at = at;
	for (int i = 0; i < e->e_phnum; i++) {
		if (ph[i].p_type == PT_DYNAMIC)
			dynamic = &ph[i];
		if (ph[i].p_type != PT_LOAD)
			continue;
		im->bias = ph[i].p_offset - ph[i].p_vaddr;
		end = max_of(end, ph[i].p_offset + ph[i].p_memsz);
		if (ph[i].p_flags & PF_X) {
			im->text = (uint32_t)ph[i].p_offset;
			im->text_end = (uint32_t)(ph[i].p_offset + ph[i].p_filesz);
		}
	}
	/* The kernel maps the whole file, section headers included. */
	im->size = (end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	if (!dynamic)
		return -ENOEXEC;
	image_dynamic(im, (const Elf64_Dyn *)(at + dynamic->p_offset));
	return im->sym && im->str && im->nsym ? 0 : -ENOEXEC;
}

static const struct known *known_find(const char *name)
{
	if (!strncmp(name, "__vdso_", 7))
		name += 7;
	for (size_t i = 0; i < countof(known); i++)
		if (!strcmp(name, known[i].name))
			return &known[i];
	return NULL;
}

static uint32_t put32(uint8_t *at, uint32_t v)
{
	memcpy(at, &v, 4);
	return 4;
}

static void patch_encode(struct vdso_patch *p)
{
	uint32_t n = 0;

	if (p->nr >= 0) {
		p->bytes[n++] = 0xb8;           /* mov $nr,%eax */
		n += put32(p->bytes + n, (uint32_t)p->nr);
		p->bytes[n++] = 0x0f;           /* syscall */
		p->bytes[n++] = 0x05;
	} else {
		p->bytes[n++] = 0x48;           /* mov $-ENOSYS,%rax */
		p->bytes[n++] = 0xc7;
		p->bytes[n++] = 0xc0;
		n += put32(p->bytes + n, (uint32_t)-ENOSYS);
	}
	p->bytes[n++] = 0xc3;                   /* ret */
	p->len = n;
}

/* An alias of a function that is already listed adds nothing. */
static void patch_add(const struct image *im, const Elf64_Sym *sym, const char *name, int nr)
{
	struct vdso_patch p = { .offset = (uint32_t)(sym->st_value + im->bias), .nr = nr };

	for (int i = 0; i < info.n; i++)
		if (patches[i].offset == p.offset)
			return;
	patch_encode(&p);
	if (sym->st_size >= p.len && p.offset + p.len <= im->size && info.n < PATCHES) {
		patches[info.n++] = p;
		return;
	}
	snprintf(trouble, sizeof(trouble), "the vDSO's function %s has %llu bytes, %u are needed",
	         name, (unsigned long long)sym->st_size, p.len);
	info.error = trouble;
}

static void unknown_add(const char *name)
{
	if (info.nunknown < UNKNOWNS)
		unknowns[info.nunknown++] = name;
}

static void symbols_list(const struct image *im)
{
	for (uint32_t i = 0; i < im->nsym; i++) {
		const Elf64_Sym *s = &im->sym[i];
		const char *name = im->str + s->st_name;
		int type = ELF64_ST_TYPE(s->st_info);
		const struct known *k;

		if (s->st_shndx == SHN_UNDEF || s->st_shndx == SHN_ABS)
			continue;
		if (type != STT_FUNC && type != STT_NOTYPE)
			continue;
		k = known_find(name);
		if (k)
			patch_add(im, s, name, k->nr);
		else
			unknown_add(name);
	}
}

static bool patched(uint32_t from, uint32_t to)
{
	for (int i = 0; i < info.n; i++)
		if (from < patches[i].offset + patches[i].len && to > patches[i].offset)
			return true;
	return false;
}

/* The bytes count, not what the kernel's compiler meant by them: the monitor points rip at them. */
static void syscall_find(const struct image *im)
{
	for (uint32_t o = im->text; o + 3 <= im->text_end; o++) {
		bool ret = im->at[o + 2] == 0xc3;

		if (im->at[o] != 0x0f || im->at[o + 1] != 0x05 || patched(o, o + 2 + ret))
			continue;
		if (!info.syscall_offset || ret) {
			info.syscall_offset = o;
			info.syscall_returns = ret;
		}
		if (ret)
			return;
	}
}

static void vdso_read(void)
{
	const uint8_t *at = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
	struct image im = { 0 };

	if (!at)
		return;
	if (image_open(&im, at)) {
		info.error = "the vDSO has no symbol table";
		info.size = im.size;
		return;
	}
	info.size = im.size;
	symbols_list(&im);
	syscall_find(&im);
}

const struct vdso_info *vdso_info(void)
{
	static bool done;

	if (!done)
		vdso_read();
	done = true;
	return &info;
}

bool vdso_is_entry(uint64_t offset, int *ret_nr)
{
	const struct vdso_info *v = vdso_info();

	for (int i = 0; i < v->n; i++) {
		const struct vdso_patch *p = &v->patch[i];

		if (p->nr < 0 || offset != p->offset + 5)
			continue;
		*ret_nr = p->nr;
		return true;
	}
	return false;
}
