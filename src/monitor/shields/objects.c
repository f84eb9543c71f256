/* objects.c - the way from an address to the function around it, by the object's own tables.
 *
 * The tables of a scanned object are guest memory: nothing in them is believed beyond its bounds.
 */
#include "monitor/shields/scan.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

void *scan_grown(void *array, size_t used, size_t *room, size_t size)
{
	if (used < *room)
		return array;
	*room = *room ? *room * 2 : 16;
	return xrealloc(array, *room * size);
}

static const uint8_t *page_get(struct scan *s, uint64_t at)
{
	uint64_t base = at & ~(uint64_t)(PAGE - 1);
	size_t slot = base / PAGE % PAGES;
	uint8_t *bytes = s->page[slot].bytes;

	if (bytes && s->page[slot].at == base)
		return bytes + (at - base);
	if (!bytes)
		bytes = xmalloc(PAGE);
	s->page[slot].bytes = bytes;
	s->page[slot].at = base;
	if (!s->src->read(s->src->ctx, base, bytes, PAGE))
		return bytes + (at - base);
	s->page[slot].at = ~(uint64_t)0; /* no page starts there */
	return NULL;
}

static bool mem_read(struct scan *s, uint64_t at, void *buf, size_t n)
{
	uint8_t *to = buf;

	while (n) {
		size_t part = min_of(n, (size_t)(PAGE - at % PAGE));
		const uint8_t *from = page_get(s, at);

		if (from)
			memcpy(to, from, part);
		else if (s->src->read(s->src->ctx, at, to, part))
			return false;
		to += part;
		at += part;
		n -= part;
	}
	return true;
}

/* Reads forward through guest memory; a failure sticks. */
struct cursor {
	struct scan *s;
	uint64_t at;
	bool bad;
};

static uint64_t take(struct cursor *c, size_t n)
{
	uint64_t v = 0;

	if (c->bad || !mem_read(c->s, c->at, &v, n))
		c->bad = true;
	c->at += n;
	return c->bad ? 0 : v;
}

static uint64_t take_leb(struct cursor *c)
{
	uint64_t v = 0, b;
	int shift = 0;

	do {
		b = take(c, 1);
		if (shift < 64)
			v |= (b & 0x7f) << shift;
		shift += 7;
	} while (b & 0x80);
	return v;
}

/* DWARF's pointer encodings: the low half says how wide, the high half relative to what. */
enum { PE_OMIT = 0xff, PE_UDATA4 = 0x03, PE_DATAREL_SDATA4 = 0x3b, PE_PCREL = 0x10, PE_DATAREL = 0x30 };

static uint64_t take_encoded(struct cursor *c, uint8_t enc, uint64_t data)
{
	uint64_t here = c->at, v;

	switch (enc & 0x0f) {
	case 0x0: case 0x4: case 0xc: v = take(c, 8); break;
	case 0x2: v = take(c, 2); break;
	case 0x3: v = take(c, 4); break;
	case 0xa: v = (uint64_t)(int16_t)take(c, 2); break;
	case 0xb: v = (uint64_t)(int32_t)take(c, 4); break;
	default:
		c->bad = true;
		return 0;
	}
	if ((enc & 0x70) == PE_PCREL)
		return v + here;
	return (enc & 0x70) == PE_DATAREL ? v + data : v;
}

/* How the pointers of a CIE's FDEs are encoded: the R of its augmentation. */
static bool cie_encoding(struct scan *s, uint64_t cie, uint8_t *ret)
{
	struct cursor c = { s, cie };
	uint8_t version, enc = 0;
	char aug[8] = "";
	size_t n = 0;

	if (take(&c, 4) == 0xffffffff || take(&c, 4) != 0)
		return false;
	version = (uint8_t)take(&c, 1);
	do
		aug[n] = (char)take(&c, 1);
	while (aug[n] && ++n < sizeof(aug));
	if (n == sizeof(aug) || c.bad)
		return false;
	take_leb(&c);
	take_leb(&c);
	if (version == 1)
		take(&c, 1);
	else
		take_leb(&c);
	if (aug[0] == 'z')
		take_leb(&c);
	for (const char *a = aug + (aug[0] == 'z'); *a; a++) {
		if (*a == 'R')
			enc = (uint8_t)take(&c, 1);
		else if (*a == 'L')
			take(&c, 1);
		else if (*a == 'P')
			take_encoded(&c, (uint8_t)take(&c, 1), 0);
		else if (*a != 'S' && *a != 'B')
			return false;
	}
	*ret = enc;
	return !c.bad;
}

/* The record at `at`: *ret_next is where the next one starts, *ret the code of an FDE; empty for a
 * CIE. False at the end, or where nothing sensible stands. */
static bool fde_read(struct scan *s, uint64_t at, struct span *ret, uint64_t *ret_next)
{
	struct cursor c = { s, at };
	uint64_t len = take(&c, 4), start = c.at, id = take(&c, 4);
	uint8_t enc;

	ret->start = ret->end = 0;
	*ret_next = start + len;
	if (c.bad || len < 4 || len == 0xffffffff)
		return false;
	if (!id)
		return true;
	if (!cie_encoding(s, start - id, &enc))
		return false;
	ret->start = take_encoded(&c, enc, 0);
	ret->end = ret->start + take_encoded(&c, enc & 0x0f, 0);
	if (c.bad || ret->end < ret->start)
		ret->start = ret->end = 0;
	return true;
}

static void span_add(struct scan *s, uint64_t start, uint64_t end)
{
	const struct insn_source *src = s->src;

	if (start >= end || start < src->vaddr || end > src->vaddr + src->len)
		return;
	s->span = scan_grown(s->span, s->nspan, &s->span_room, sizeof(*s->span));
	s->span[s->nspan++] = (struct span){ start, end };
}

static void spans_from_eh_frame(struct scan *s)
{
	uint64_t at = s->eh_frame, end = at + (s->eh_frame_len ? s->eh_frame_len : TABLE_MAX);
	struct span f;

	while (at && at < end && fde_read(s, at, &f, &at))
		span_add(s, f.start, f.end);
}

static void spans_from_symbols(struct scan *s, const Elf64_Sym *sym, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ELF64_ST_TYPE(sym[i].st_info) == STT_FUNC && sym[i].st_shndx != SHN_UNDEF)
			span_add(s, sym[i].st_value + s->src->bias,
			         sym[i].st_value + s->src->bias + sym[i].st_size);
}

/* One past the last symbol that a DT_GNU_HASH table reaches. */
static uint32_t gnu_hash_symbols(struct scan *s, uint64_t at)
{
	struct cursor c = { s, at };
	uint32_t nbuckets = (uint32_t)take(&c, 4), first = (uint32_t)take(&c, 4);
	uint32_t words = (uint32_t)take(&c, 4), last = 0;
	uint64_t chain;

	if (nbuckets > TABLE_MAX / 4 || words > TABLE_MAX / 8)
		return 0;
	c.at = at + 16 + 8 * (uint64_t)words;
	chain = c.at + 4 * (uint64_t)nbuckets;
	for (uint32_t i = 0; i < nbuckets && !c.bad; i++)
		last = max_of(last, (uint32_t)take(&c, 4));
	if (last < first)
		return first;
	c.at = chain + 4 * (uint64_t)(last - first);
	while (!c.bad && !(take(&c, 4) & 1))
		last++;
	return c.bad ? 0 : last + 1;
}

/* A loader relocates these entries in place, or has not yet come to it. */
static uint64_t dynamic_pointer(struct scan *s, uint64_t v)
{
	return v < s->src->bias ? v + s->src->bias : v;
}

static void spans_from_dynamic(struct scan *s)
{
	struct cursor c = { s, s->dynamic };
	uint64_t symtab = 0;
	uint32_t n = 0;
	Elf64_Sym *sym;

	for (int i = 0; s->dynamic && i < 1000 && !c.bad; i++) {
		uint64_t tag = take(&c, 8), v = take(&c, 8);
		uint64_t at = dynamic_pointer(s, v);

		if (tag == DT_NULL)
			break;
		if (tag == DT_SYMTAB)
			symtab = at;
		else if (tag == DT_HASH && !mem_read(s, at + 4, &n, 4))
			n = 0;
		else if (tag == DT_GNU_HASH && !n)
			n = gnu_hash_symbols(s, at);
	}
	if (!symtab || !n || n > TABLE_MAX / sizeof(*sym))
		return;
	sym = xmalloc(n * sizeof(*sym));
	if (!s->src->read(s->src->ctx, symtab, sym, n * sizeof(*sym)))
		spans_from_symbols(s, sym, n);
	free(sym);
}

static bool file_read(struct scan *s, uint64_t offset, void *buf, size_t n)
{
	return offset < INT64_MAX && pread(s->src->fd, buf, n, (off_t)offset) == (ssize_t)n;
}

static void *file_table(struct scan *s, uint64_t offset, uint64_t n)
{
	void *at;

	if (!n || n > TABLE_MAX)
		return NULL;
	at = xmalloc(n);
	if (file_read(s, offset, at, n))
		return at;
	free(at);
	return NULL;
}

static void spans_from_symtab(struct scan *s, const Elf64_Shdr *sh)
{
	Elf64_Sym *sym = file_table(s, sh->sh_offset, sh->sh_size);

	if (sym)
		spans_from_symbols(s, sym, sh->sh_size / sizeof(*sym));
	free(sym);
}

/* The file's section headers: a static program has no other way to its .eh_frame. */
static void spans_from_file(struct scan *s)
{
	Elf64_Ehdr e;
	Elf64_Shdr *sh = NULL;
	char *names = NULL;
	uint64_t len = 0;

	if (s->src->fd < 0 || !file_read(s, 0, &e, sizeof(e)) || memcmp(e.e_ident, ELFMAG, SELFMAG))
		return;
	if (e.e_shentsize == sizeof(*sh))
		sh = file_table(s, e.e_shoff, e.e_shnum * sizeof(*sh));
	if (sh && e.e_shstrndx < e.e_shnum) {
		len = sh[e.e_shstrndx].sh_size;
		names = file_table(s, sh[e.e_shstrndx].sh_offset, len);
	}
	for (int i = 0; sh && i < e.e_shnum; i++) {
		if (sh[i].sh_type == SHT_SYMTAB)
			spans_from_symtab(s, &sh[i]);
		if (!names || s->eh_frame || sh[i].sh_name + sizeof(".eh_frame") > len)
			continue;
		if (!memcmp(names + sh[i].sh_name, ".eh_frame", sizeof(".eh_frame"))) {
			s->eh_frame = sh[i].sh_addr + s->src->bias;
			s->eh_frame_len = sh[i].sh_size;
		}
	}
	free(names);
	free(sh);
}

/* Only .eh_frame_hdr's usual form has a table that can be searched; else .eh_frame is read through. */
static void read_eh_frame_hdr(struct scan *s, uint64_t hdr)
{
	struct cursor c = { s, hdr };
	uint32_t head = (uint32_t)take(&c, 4), n;
	uint8_t frame_enc = (uint8_t)(head >> 8), count_enc = (uint8_t)(head >> 16);

	if ((head & 0xff) != 1 || frame_enc == PE_OMIT)
		return;
	s->eh_frame = take_encoded(&c, frame_enc, hdr);
	if (count_enc != PE_UDATA4 || head >> 24 != PE_DATAREL_SDATA4)
		return;
	n = (uint32_t)take(&c, 4);
	if (c.bad || !n || n > TABLE_MAX / 8)
		return;
	s->nfde = n;
	s->table = c.at;
	s->table_base = hdr;
}

/* The i-th program header as loaded; false behind the last one, or where there is no readable ELF header. */
static bool program_header(struct scan *s, int i, Elf64_Phdr *ret)
{
	const uint64_t at = s->src->ehdr;
	Elf64_Ehdr e;

	if (!at || !mem_read(s, at, &e, sizeof(e)) || memcmp(e.e_ident, ELFMAG, SELFMAG))
		return false;
	return i < e.e_phnum && e.e_phentsize == sizeof(*ret) &&
	       mem_read(s, at + e.e_phoff + (uint64_t)i * sizeof(*ret), ret, sizeof(*ret));
}

void object_open(struct scan *s)
{
	const uint64_t bias = s->src->bias;
	Elf64_Phdr ph;

	for (int i = 0; program_header(s, i, &ph); i++) {
		if (ph.p_type == PT_GNU_EH_FRAME)
			read_eh_frame_hdr(s, ph.p_vaddr + bias);
		else if (ph.p_type == PT_DYNAMIC)
			s->dynamic = ph.p_vaddr + bias;
	}
}

/* Entry i of the table: where a function starts, and its FDE. */
static bool table_entry(struct scan *s, uint32_t i, uint64_t *ret_start, uint64_t *ret_fde)
{
	int32_t v[2];

	if (!mem_read(s, s->table + 8 * (uint64_t)i, v, sizeof(v)))
		return false;
	*ret_start = s->table_base + (uint64_t)(int64_t)v[0];
	*ret_fde = s->table_base + (uint64_t)(int64_t)v[1];
	return true;
}

static bool table_find(struct scan *s, uint64_t at, struct span *ret)
{
	uint32_t lo = 0, hi = s->nfde;          /* the last start <= at is in [lo, hi) */
	uint64_t start, fde, next;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (!table_entry(s, mid, &start, &fde))
			return false;
		if (start <= at)
			lo = mid;
		else
			hi = mid;
	}
	if (!s->nfde || !table_entry(s, lo, &start, &fde) || !fde_read(s, fde, ret, &next))
		return false;
	return ret->start <= at && at < ret->end;
}

static int span_order(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* A static program has .eh_frame, but no header that tells where. The first thing in it is the CIE of the C
 * start code, always the same but for its padding: version 1, "zR", code and data factors 1 and -8, return
 * address in register 16, pc-relative 4-byte pointers. */
static bool find_cie(struct scan *s, uint64_t from, uint64_t len)
{
	static const uint8_t cie[] = {0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 0x10, 1, 0x1b};
	uint8_t bytes[4096 + sizeof(cie)];

	for (uint64_t at = 0; at + sizeof(bytes) <= len; at += 4096) {
		if (!mem_read(s, from + at, bytes, sizeof(bytes)))
			return false;
		for (size_t i = 4; i < 4096; i += 4) {
			if (memcmp(bytes + i, cie, sizeof(cie)))
				continue;
			s->eh_frame = from + at + i - 4;
			return true;
		}
	}
	return false;
}

static void find_eh_frame(struct scan *s)
{
	Elf64_Phdr ph;

	for (int i = 0; program_header(s, i, &ph); i++)
		if (ph.p_type == PT_LOAD && ph.p_flags == PF_R && find_cie(s, ph.p_vaddr + s->src->bias, ph.p_memsz))
			return;
}

/* ---- Go ---- */

/* Programs of Go's own linker have no unwind tables, but a table for its runtime (pclntab, from Go 1.18 on as here: src/debug/gosym
 * of Go describes it). It lies in read-only data, where nothing points to it that survives strip. */
struct go_table {
	uint32_t magic;
	uint8_t zero[2], min_insn, pointer;
	uint64_t nfunc, nfile, text, names, units, files, pcs, funcs;
};

static bool is_go_table(const struct scan *s, const struct go_table *g)
{
	return (g->magic == 0xfffffff0 || g->magic == 0xfffffff1) && !g->zero[0] && !g->zero[1] && g->min_insn == 1 &&
	       g->pointer == 8 && g->nfunc && g->nfunc < TABLE_MAX / 8 && g->text >= s->src->vaddr &&
	       g->text < s->src->vaddr + s->src->len;
}

/* From each function's start to the next one's. */
static void spans_from_go_table(struct scan *s, const struct go_table *g, uint64_t at)
{
	struct cursor c = { s, at + g->funcs };
	uint64_t start = g->text + take(&c, 4), next;

	for (uint64_t i = 0; i < g->nfunc; i++, start = next) {
		take(&c, 4);
		next = g->text + take(&c, 4);
		if (c.bad || next < start || next > s->src->vaddr + s->src->len)
			return;
		span_add(s, start, next);
	}
}

/* Whether a segment of notes says that Go has linked this. */
static bool is_go_note(struct scan *s, const Elf64_Phdr *ph)
{
	char note[16];

	return ph->p_type == PT_NOTE && mem_read(s, ph->p_vaddr + s->src->bias, note, sizeof(note)) &&
	       !memcmp(note + 12, "Go\0", 4);
}

static void find_go_table(struct scan *s, uint64_t from, uint64_t len)
{
	struct go_table g;

	for (uint64_t at = from; at + sizeof(g) <= from + len; at += 32) {
		if (!mem_read(s, at, &g, sizeof(g)))
			return;
		if (is_go_table(s, &g)) {
			spans_from_go_table(s, &g, at);
			return;
		}
	}
}

static void spans_from_go(struct scan *s)
{
	bool go = false;
	Elf64_Phdr ph;

	for (int i = 0; program_header(s, i, &ph); i++)
		go |= is_go_note(s, &ph);
	for (int i = 0; go && program_header(s, i, &ph); i++)
		if (ph.p_type == PT_LOAD && !(ph.p_flags & PF_X))
			find_go_table(s, ph.p_vaddr + s->src->bias, ph.p_filesz);
}

static void spans_read(struct scan *s)
{
	spans_from_file(s);
	spans_from_dynamic(s);
	if (!s->nfde && !s->eh_frame)
		find_eh_frame(s);
	if (!s->nfde)
		spans_from_eh_frame(s);
	spans_from_go(s);
	if (s->nspan)
		qsort(s->span, s->nspan, sizeof(*s->span), span_order);
	s->spans_read = true;
}

/* How many spans start at or before an address. */
static size_t spans_until(const struct scan *s, uint64_t at)
{
	size_t lo = 0, hi = s->nspan;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->span[mid].start <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* How many spans may start between a function's start and an address in it: its aliases, and labels. */
#define NESTED 32

bool object_function(struct scan *s, uint64_t at, struct span *ret)
{
	size_t n;

	if (table_find(s, at, ret))
		return true;
	if (!s->spans_read)
		spans_read(s);
	n = spans_until(s, at);
	for (size_t i = n; i > 0 && i + NESTED > n; i--) {
		if (at >= s->span[i - 1].end)
			continue;
		*ret = s->span[i - 1];
		return true;
	}
	return false;
}
