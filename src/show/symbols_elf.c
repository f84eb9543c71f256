/* symbols_elf.c - opens ELF files for symbols, and makes sure that they are still what was mapped. */
#include "show/symbols_elf.h"

#include <elf.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/base.h"

/* libdwfl asks for the file; from now on it owns both handles. */
static int find_elf(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
		    char **file_name, Elf **elfp)
{
	struct image *im = *userdata;

	(void)mod, (void)name, (void)base;
	*elfp = im->elf;
	im->elf = NULL;
	if (im->fd >= 0)
		*file_name = xstrdup(im->path);
	return im->fd;
}

#define DEBUG_DIR "/usr/lib/debug"

static int open_debug(char *path, char **ret_file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0)
		*ret_file = path;
	else
		free(path);
	return fd;
}

static int open_by_id(const unsigned char *id, ssize_t len, char **ret_file)
{
	struct buf path = { 0 };

	if (len < 2)
		return -1;
	buf_printf(&path, DEBUG_DIR "/.build-id/%02x/", id[0]);
	for (ssize_t i = 1; i < len; i++)
		buf_printf(&path, "%02x", id[i]);
	buf_puts(&path, ".debug");
	return open_debug(path.at, ret_file);
}

static bool has_id(int fd, const unsigned char *id, ssize_t len)
{
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	const void *its;
	bool same = elf && dwelf_elf_gnu_build_id(elf, &its) == len && !memcmp(its, id, (size_t)len);

	elf_end(elf);
	return same;
}

/* By the name that the stripped file gives: beside it, in .debug, or under /usr/lib/debug. */
static int open_by_link(const char *file, const char *link, const unsigned char *id, ssize_t len,
			char **ret_file)
{
	const char *slash = strrchr(file, '/');
	int dir = slash ? (int)(slash - file) : 0;
	char *const paths[] = {
		xasprintf("%.*s/%s", dir, file, link),
		xasprintf("%.*s/.debug/%s", dir, file, link),
		xasprintf(DEBUG_DIR "%.*s/%s", dir, file, link),
	};
	int fd = -1;

	for (size_t i = 0; i < countof(paths); i++) {
		if (fd >= 0) {
			free(paths[i]);
			continue;
		}
		fd = open_debug(paths[i], ret_file);
		if (fd < 0 || has_id(fd, id, len))
			continue;
		close(fd);
		free(*ret_file);
		*ret_file = NULL;
		fd = -1;
	}
	return fd;
}

/* Not libdwfl's standard search: where that finds nothing it loads the debuginfod client, a dozen
 * libraries with it, and asks the network. Build ids must match: wrong symbols are worse than none. */
static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
			  const char *file, const char *link, GElf_Word crc, char **ret_file)
{
	struct image *im = *userdata;
	const unsigned char *id;
	const void *alt_id = NULL;
	const char *alt_name;
	GElf_Addr at;
	ssize_t len;
	int fd;

	(void)name, (void)base, (void)crc;
	if (im->fd < 0)
		return -1;
	if (!file) {
		/* The file that several debug files share (dwz); the first one is open by now. */
		Dwarf *dw = dwfl_module_getdwarf(mod, &at);

		len = dw ? dwelf_dwarf_gnu_debugaltlink(dw, &alt_name, &alt_id) : 0;
		return open_by_id(alt_id, len, ret_file);
	}
	len = dwfl_module_build_id(mod, &id, &at);
	fd = open_by_id(id, len, ret_file);
	return fd < 0 && link && len > 0 ? open_by_link(file, link, id, len, ret_file) : fd;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = find_debuginfo,
};

/* How /proc shows a mapping of this file: on overlayfs and btrfs that is not what stat says. */
static bool shown_identity(int fd, uint64_t *ret_dev, uint64_t *ret_ino)
{
	void *p = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	FILE *f = p == MAP_FAILED ? NULL : fopen("/proc/self/maps", "re");
	bool found = false;
	char line[512];

	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned long start, ino;
		unsigned int major, minor;

		if (sscanf(line, "%lx-%*x %*s %*x %x:%x %lu", &start, &major, &minor, &ino) != 4 ||
		    start != (uintptr_t)p)
			continue;
		*ret_dev = makedev(major, minor);
		*ret_ino = ino;
		found = true;
	}
	if (f)
		fclose(f);
	if (p != MAP_FAILED)
		munmap(p, 1);
	return found;
}

static bool is_the_file(int fd, const struct stat *st, uint64_t dev, uint64_t ino)
{
	uint64_t shown_dev, shown_ino;

	if (!dev && !ino)
		return true;
	if (st->st_dev == dev && st->st_ino == ino)
		return true;
	return shown_identity(fd, &shown_dev, &shown_ino) && shown_dev == dev && shown_ino == ino;
}

/* Not by mmap, as libdwfl would: a file that is truncated later would kill us with SIGBUS. */
static bool open_file(struct image *im)
{
	/* Look first: opening a device may have effects, and a FIFO may block. */
	if (stat(im->path, &im->st) < 0 || !S_ISREG(im->st.st_mode))
		return false;
	im->fd = open(im->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (im->fd < 0 || fstat(im->fd, &im->st) < 0 || !S_ISREG(im->st.st_mode))
		return false;
	if (!is_the_file(im->fd, &im->st, im->dev, im->ino))
		return false;
	im->elf = elf_begin(im->fd, ELF_C_READ, NULL);
	return im->elf != NULL;
}

/* The kernel gives every process the same vDSO: ours stands for the task's. */
static bool open_vdso(struct image *im)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	size_t len;

	if (!eh)
		return false;
	len = eh->e_shoff + (size_t)eh->e_shnum * eh->e_shentsize;
	im->copy = xmalloc(len);
	memcpy(im->copy, eh, len);
	im->elf = elf_memory(im->copy, len);
	return im->elf != NULL;
}

static bool read_loads(struct image *im, uint64_t *ret_low, uint64_t *ret_high)
{
	uint64_t low = 0, high = 0;
	GElf_Ehdr eh;
	GElf_Phdr ph;
	size_t n;

	if (!gelf_getehdr(im->elf, &eh) || eh.e_machine != EM_X86_64 ||
	    gelf_getclass(im->elf) != ELFCLASS64 || elf_getphdrnum(im->elf, &n) < 0)
		return false;
	for (size_t i = 0; i < n && im->nloads < MAX_LOADS; i++) {
		if (!gelf_getphdr(im->elf, (int)i, &ph) || ph.p_type != PT_LOAD)
			continue;
		if (!im->nloads)
			low = ph.p_vaddr & -max_of(ph.p_align, 1u);
		high = max_of(high, ph.p_vaddr + ph.p_memsz);
		im->loads[im->nloads++] = (struct load){ ph.p_vaddr, ph.p_offset, ph.p_filesz, ph.p_flags };
	}
	*ret_low = low;
	*ret_high = high;
	return low < high;
}

/* Placed at its link address, so that nothing needs relocating. */
static bool report(struct image *im, uint64_t low, uint64_t high)
{
	GElf_Addr bias;
	void **userdata;

	im->dwfl = dwfl_begin(&callbacks);
	if (!im->dwfl)
		return false;
	dwfl_report_begin(im->dwfl);
	im->mod = dwfl_report_module(im->dwfl, im->path, low, high);
	dwfl_report_end(im->dwfl, NULL, NULL);
	if (!im->mod)
		return false;
	dwfl_module_info(im->mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = im;
	return dwfl_module_getelf(im->mod, &bias) && bias == 0;
}

struct image *image_open(const char *path, uint64_t dev, uint64_t ino)
{
	struct image *im = xcalloc(1, sizeof(*im));
	uint64_t low, high;
	bool ok;

	elf_version(EV_CURRENT);
	im->path = xstrdup(path);
	im->dev = dev;
	im->ino = ino;
	im->fd = -1;
	ok = !strcmp(path, VDSO_PATH) ? open_vdso(im) : open_file(im);
	if (ok && read_loads(im, &low, &high) && report(im, low, high))
		return im;
	image_close(im);
	return NULL;
}

void image_close(struct image *im)
{
	bool ours = im->elf || !im->mod;

	if (im->elf)
		elf_end(im->elf);
	if (im->dwfl)
		dwfl_end(im->dwfl);
	if (ours && im->fd >= 0)
		close(im->fd);
	free(im->copy);
	free(im->cus);
	free(im->path);
	free(im);
}

bool image_unchanged(const struct image *im)
{
	struct stat st;

	if (im->fd < 0)
		return true;
	return stat(im->path, &st) == 0 && st.st_dev == im->st.st_dev && st.st_ino == im->st.st_ino &&
	       st.st_size == im->st.st_size && st.st_mtim.tv_sec == im->st.st_mtim.tv_sec &&
	       st.st_mtim.tv_nsec == im->st.st_mtim.tv_nsec;
}

bool image_attach(struct image *im, const Dwfl_Thread_Callbacks *cb, void *arg)
{
	return dwfl_attach_state(im->dwfl, NULL, 1, cb, arg);
}

bool image_vaddr(const struct image *im, uint64_t offset, uint32_t mask, uint32_t want,
		 uint64_t *ret_vaddr)
{
	for (int i = 0; i < im->nloads; i++) {
		const struct load *l = &im->loads[i];

		if ((l->flags & mask) != want || offset < l->offset || offset - l->offset >= l->filesz)
			continue;
		*ret_vaddr = l->vaddr + (offset - l->offset);
		return true;
	}
	return false;
}

bool image_read(const struct image *im, uint64_t offset, void *buf, size_t len)
{
	return im->fd >= 0 && pread(im->fd, buf, len, (off_t)offset) == (ssize_t)len;
}

static int by_low(const void *a, const void *b)
{
	const struct cu_range *x = a, *y = b;

	return x->low < y->low ? -1 : x->low > y->low;
}

static void add_ranges(struct image *im, Dwarf_Die *cu, size_t *room)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(cu, at, &base, &low, &high)) > 0) {
		if (low >= high)
			continue;
		if (im->ncus == *room) {
			*room = *room ? *room * 2 : 64;
			im->cus = xrealloc(im->cus, *room * sizeof(*im->cus));
		}
		im->cus[im->ncus++] = (struct cu_range){ low, high, *cu };
	}
}

/* clang writes no .debug_aranges, which libdwfl's own search needs: ask every unit for its ranges, once. */
static void build_cus(struct image *im)
{
	Dwarf_Die *cu = NULL;
	Dwarf_Addr bias = 0;
	size_t room = 0;

	while ((cu = dwfl_module_nextcu(im->mod, cu, &bias)))
		add_ranges(im, cu, &room);
	im->cu_bias = bias;
	if (im->ncus)
		qsort(im->cus, im->ncus, sizeof(*im->cus), by_low);
	im->cus_done = true;
}

Dwarf_Die *image_cu(struct image *im, uint64_t vaddr, Dwarf_Addr *ret_bias)
{
	Dwarf_Die *cu = dwfl_module_addrdie(im->mod, vaddr, ret_bias);
	size_t low = 0, high;

	if (cu)
		return cu;
	if (!im->cus_done)
		build_cus(im);
	vaddr -= im->cu_bias;
	for (high = im->ncus; low < high;) {
		size_t mid = low + (high - low) / 2;

		if (vaddr >= im->cus[mid].high)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == im->ncus || vaddr < im->cus[low].low)
		return NULL;
	*ret_bias = im->cu_bias;
	return &im->cus[low].die;
}
