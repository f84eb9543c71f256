/* symbols.c - backtraces: walks the frames of a snapshot and gives them names. */
#include "show/symbols.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "show/symbols_unwind.h"

/* Each holds a descriptor; a backtrace needs a handful. */
#define MAX_IMAGES 48

struct symbols {
	struct image *images;           /* the most recently used first */
	int nimages;
	uint64_t backtraces;            /* numbers them: a file is looked at once in each */
	struct walk *walk;              /* the walk under way; libdwfl's callbacks get its address */
};

struct symbols *symbols_new(void)
{
	return xcalloc(1, sizeof(struct symbols));
}

void symbols_free(struct symbols *s)
{
	struct image *im;

	while (s && (im = s->images)) {
		s->images = im->next;
		image_close(im);
	}
	free(s);
}

void frames_free(struct frame *frames, int n)
{
	for (int i = 0; i < n; i++) {
		free(frames[i].function);
		free(frames[i].file);
		free(frames[i].module);
		frames[i] = (struct frame){ 0 };
	}
}

/*
 * Images
 */

static bool image_is(const struct image *im, const struct module_map *m)
{
	return im->dev == m->dev && im->ino == m->ino && !strcmp(im->path, m->path);
}

static void drop_image(struct symbols *s, struct image **link)
{
	struct image *im = *link;

	*link = im->next;
	s->nimages--;
	image_close(im);
}

/* Only between backtraces: a walk holds on to images. */
static void drop_old_images(struct symbols *s)
{
	struct image **link = &s->images;

	for (int i = 0; *link && i < MAX_IMAGES; i++)
		link = &(*link)->next;
	while (*link)
		drop_image(s, link);
}

static void put_first(struct symbols *s, struct image **link)
{
	struct image *im = *link;

	*link = im->next;
	im->next = s->images;
	s->images = im;
}

static struct image *add_image(struct symbols *s, const struct module_map *m)
{
	struct image *im = image_open(m->path, m->dev, m->ino);

	if (!im)
		return NULL;
	if (!image_attach(im, &walk_callbacks, &s->walk)) {
		image_close(im);
		return NULL;
	}
	im->checked = s->backtraces;
	im->next = s->images;
	s->images = im;
	s->nimages++;
	return im;
}

static struct image *get_image(struct symbols *s, const struct module_map *m)
{
	struct image **link = &s->images;

	while (*link && !image_is(*link, m))
		link = &(*link)->next;
	if (!*link)
		return add_image(s, m);
	if ((*link)->checked != s->backtraces && !image_unchanged(*link)) {
		drop_image(s, link);
		return add_image(s, m);
	}
	(*link)->checked = s->backtraces;
	put_first(s, link);
	return s->images;
}

const struct module_map *symbols_map(const struct snapshot *snap, uint64_t addr)
{
	size_t low = 0, high = snap->nmaps;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (addr >= snap->maps[mid].end)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == snap->nmaps || addr < snap->maps[low].start)
		return NULL;
	return &snap->maps[low];
}

struct place symbols_place(struct symbols *s, const struct snapshot *snap, uint64_t addr)
{
	struct place p = { .map = symbols_map(snap, addr) };

	if (!p.map)
		return p;
	p.image = get_image(s, p.map);
	if (p.image && !image_vaddr(p.image, addr - p.map->start + p.map->offset, PF_X, PF_X, &p.vaddr))
		p.image = NULL;
	return p;
}

/*
 * Names
 */

static char *full_path(Dwarf_Die *cu, const char *file)
{
	Dwarf_Attribute attr;
	const char *dir = dwarf_formstring(dwarf_attr(cu, DW_AT_comp_dir, &attr));

	if (!file)
		return NULL;
	return *file == '/' || !dir ? xstrdup(file) : xasprintf("%s/%s", dir, file);
}

static void name_line(struct frame *f, Dwarf_Die *cu, uint64_t pc)
{
	Dwarf_Line *line = dwarf_getsrc_die(cu, pc);

	if (!line)
		return;
	f->file = full_path(cu, dwarf_linesrc(line, NULL, NULL));
	dwarf_lineno(line, &f->line);
}

/* The place where an inlined function was called: the position of the frame around it. */
static void name_call_site(struct frame *f, Dwarf_Die *cu, Dwarf_Die *call)
{
	Dwarf_Attribute attr;
	Dwarf_Files *files;
	Dwarf_Word file, line;
	size_t nfiles;

	if (dwarf_formudata(dwarf_attr(call, DW_AT_call_file, &attr), &file) == 0 &&
	    dwarf_getsrcfiles(cu, &files, &nfiles) == 0 && file < nfiles)
		f->file = full_path(cu, dwarf_filesrc(files, file, NULL, NULL));
	if (dwarf_formudata(dwarf_attr(call, DW_AT_call_line, &attr), &line) == 0)
		f->line = (int)line;
}

/* Gives `f[0]` a function that was inlined at `scope`, and its own former position to the frame around it. */
static int name_inlined(struct frame *f, int max, Dwarf_Die *cu, uint64_t pc)
{
	Dwarf_Die *inner = NULL, *scopes = NULL;
	int n = 0, nscopes;

	if (dwarf_getscopes(cu, pc, &inner) <= 0)
		return 0;
	/* The first list follows the source; this one follows the code, out to the function. */
	nscopes = dwarf_getscopes_die(inner, &scopes);
	for (int i = 0; i < nscopes && n + 1 < max; i++) {
		const char *name = dwarf_diename(&scopes[i]);

		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			continue;
		f[n].function = name ? xstrdup(name) : NULL;
		f[n].inlined = true;
		name_call_site(&f[++n], cu, &scopes[i]);
	}
	free(scopes);
	free(inner);
	return n;
}

static int name_source(struct frame *f, int max, const struct place *p)
{
	Dwarf_Addr bias;
	Dwarf_Die *cu = image_cu(p->image, p->vaddr, &bias);

	if (!cu)
		return 0;
	name_line(f, cu, p->vaddr - bias);
	return name_inlined(f, max, cu, p->vaddr - bias);
}

/* Names what `p` says, in one frame, or more where functions were inlined. `back`: pc - p's address. */
static int name_frames(struct frame *f, int max, const struct place *p, uint64_t pc, unsigned int back)
{
	const char *name = NULL;
	GElf_Off off = 0;
	GElf_Sym sym;
	int inlined = 0;

	if (p->image) {
		inlined = name_source(f, max, p);
		name = dwfl_module_addrinfo(p->image->mod, p->vaddr, &off, &sym, NULL, NULL, NULL);
	}
	if (name) {
		/* a symbol's version (clock_gettime@@GLIBC_2.17) is no part of its name */
		f[inlined].function = xasprintf("%.*s", (int)strcspn(name, "@"), name);
		f[inlined].offset = off + back;
	} else if (p->map) {
		f[inlined].offset = p->image ? p->vaddr + back : pc - p->map->start + p->map->offset;
	}
	for (int i = 0; i <= inlined; i++) {
		f[i].pc = pc;
		f[i].module = p->map ? xstrdup(p->map->path) : NULL;
	}
	return inlined + 1;
}

int symbols_backtrace(struct symbols *s, const struct snapshot *snap, struct frame *ret, int max,
		      bool *ret_truncated)
{
	struct walk w;
	struct place at;
	bool more = max > 0;
	int n = 0;

	for (int i = 0; i < max; i++)
		ret[i] = (struct frame){ 0 };
	s->backtraces++;
	s->walk = &w;
	walk_start(&w, s, snap);
	while (more && n < max) {
		at = symbols_place(s, snap, walk_lookup(&w));
		n += name_frames(ret + n, max - n, &at, w.regs[DW_RIP], !w.exact);
		more = walk_step(&w, &at);
	}
	s->walk = NULL;
	drop_old_images(s);
	*ret_truncated = more || w.missed;
	return n;
}

/*
 * Looking up by name
 */

static int find_in(Dwfl_Module *mod, const char *name, uint64_t *ret_vaddr)
{
	int n = dwfl_module_getsymtab(mod), found = -ENOENT;
	GElf_Sym sym;
	GElf_Addr addr;
	GElf_Word shndx;

	for (int i = 1; i < n; i++) {
		const char *s = dwfl_module_getsym_info(mod, i, &sym, &addr, &shndx, NULL, NULL);

		if (!s || strcmp(s, name) || shndx == SHN_UNDEF || GELF_ST_TYPE(sym.st_info) == STT_FILE)
			continue;
		*ret_vaddr = addr;
		found = 0;
		/* A local of the same name in some other file must not hide it. */
		if (GELF_ST_BIND(sym.st_info) != STB_LOCAL)
			break;
	}
	return found;
}

int symbols_find(const char *elf_path, const char *name, uint64_t *ret_vaddr)
{
	struct image *im;
	int err;

	errno = 0;
	im = image_open(elf_path, 0, 0);
	if (!im)
		return errno ? -errno : -ENOEXEC;
	err = find_in(im->mod, name, ret_vaddr);
	image_close(im);
	return err;
}
