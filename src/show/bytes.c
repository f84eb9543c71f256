/* bytes.c - strings, buffers, lists of numbers and of strings, directories. */
#include "abi/kernel_types.h"
#include "show/sets.h"
#include "show/view.h"


static bool hashed(const struct part *p, uint64_t addr)
{
	return p->kind == PART_INHASH && addr - p->addr < p->whole;
}

static bool holds(const struct part *p, enum side side, uint64_t addr)
{
	return p->kind == side && addr - p->addr < p->len;
}

/* Parts of iovecs and messages are asked for in the order in which they stand, so a search starts
 * where the last one ended, and a call of a thousand buffers takes no million steps.
 */
const uint8_t *bytes_at(struct view *v, enum side side, uint64_t addr, uint64_t *ret_n)
{
	const struct part *p = v->cursor;
	uint32_t i = v->index;

	for (uint32_t tried = 0; tried < v->e->nparts; tried++) {
		if (holds(p, side, addr)) {
			v->cursor = p;
			v->index = i;
			*ret_n = p->len - (addr - p->addr);
			return (const uint8_t *)part_data(p) + (addr - p->addr);
		}
		p = ++i < v->e->nparts ? part_next(p) : event_parts(v->e);
		i = i < v->e->nparts ? i : 0;
	}
	return NULL;
}

const uint8_t *bytes_exactly(struct view *v, enum side side, uint64_t addr, uint64_t n)
{
	uint64_t have;
	const uint8_t *at = bytes_at(v, side, addr, &have);

	return at && have >= n ? at : NULL;
}

/* Too long to be carried: what is known of it is how long it was. */
static bool show_hashed(struct view *v, const struct memory *m)
{
	const struct part *p = event_parts(v->e);

	for (uint32_t i = 0; i < v->e->nparts; i++, p = part_next(p)) {
		if (!hashed(p, m->addr))
			continue;
		put_hex(v->out, m->addr);
		put_lit(v->out, " /* ");
		put_uint(v->out, p->whole - (m->addr - p->addr));
		put_lit(v->out, " bytes */");
		return true;
	}
	return false;
}

static void quoted_up_to(struct view *v, const uint8_t *at, uint64_t n, uint64_t max, bool more)
{
	put_quoted(v->out, at, min_of(n, max));
	if (n > max || more)
		put_lit(v->out, "...");
}

void show_string(struct view *v, const struct memory *m, uint64_t max)
{
	uint64_t n, limit;
	const uint8_t *at = bytes_at(v, m->side, m->addr, &n), *nul;

	if (!at) {
		put_address(v->out, m->addr);
		return;
	}
	limit = min_of(min_of(n, m->len), max + 1);
	nul = memchr(at, 0, limit);
	/* Without a NUL it is cut: by its length, by the event, or by what we are asked to print. */
	if (nul)
		put_quoted(v->out, at, nul - at);
	else
		quoted_up_to(v, at, limit, max, limit < m->len);
}

void show_buffer(struct view *v, const struct memory *m)
{
	uint64_t n;
	const uint8_t *at;

	if (!m->len) {
		put_lit(v->out, "\"\"");
		return;
	}
	at = bytes_at(v, m->side, m->addr, &n);
	if (at)
		quoted_up_to(v, at, min_of(n, m->len), v->o->string_max, n < m->len && m->len != UINT64_MAX);
	else if (m->side != SIDE_IN || !show_hashed(v, m))
		put_address(v->out, m->addr);
}

void show_chars(struct view *v, const uint8_t *at, uint64_t n)
{
	const uint8_t *nul = memchr(at, 0, n);

	quoted_up_to(v, at, nul ? (uint64_t)(nul - at) : n, max_of(v->o->string_max, (size_t)64), false);
}

static int64_t number(const uint8_t *at, unsigned size)
{
	int16_t s;
	int32_t i;
	int64_t l;

	if (size == 2)
		return memcpy(&s, at, 2), s;
	if (size == 4)
		return memcpy(&i, at, 4), i;
	return memcpy(&l, at, 8), l;
}

void show_numbers(struct view *v, const struct memory *m, unsigned size)
{
	uint64_t have, n;
	const uint8_t *at = bytes_at(v, m->side, m->addr, &have);

	if (!at && m->len) {
		put_address(v->out, m->addr);
		return;
	}
	n = at ? min_of(have, m->len) / size : 0;
	put_char(v->out, '[');
	for (uint64_t i = 0; i < n; i++) {
		if (i)
			put_lit(v->out, ", ");
		if (i >= v->o->string_max) {
			put_lit(v->out, "...");
			break;
		}
		if (size == 8)
			put_uint(v->out, number(at + i * size, size));
		else
			put_int(v->out, number(at + i * size, size));
	}
	put_char(v->out, ']');
}

/* The pointers up to the NULL, as far as the event has them; ~0: none of it. */
static uint64_t count_pointers(struct view *v, const struct memory *m, const uint8_t **ret_at)
{
	uint64_t n, i;
	const uint8_t *at = bytes_at(v, m->side, m->addr, &n);

	if (!at)
		return UINT64_MAX;
	for (i = 0; i < n / 8 && number(at + i * 8, 8); i++)
		;
	*ret_at = at;
	return i;
}

void show_strings(struct view *v, const struct memory *m, bool count_only)
{
	const uint8_t *at = NULL;
	uint64_t n = count_pointers(v, m, &at);

	if (n == UINT64_MAX || count_only) {
		put_address(v->out, m->addr);
		if (n == UINT64_MAX)
			return;
		put_lit(v->out, " /* ");
		put_uint(v->out, n);
		put_str(v->out, n == 1 ? " var */" : " vars */");
		return;
	}
	put_char(v->out, '[');
	for (uint64_t i = 0; i < n; i++) {
		struct memory s = {K_STR, 0, m->side, number(at + i * 8, 8), UINT64_MAX};

		if (i)
			put_lit(v->out, ", ");
		if (i >= v->o->string_max) {
			put_lit(v->out, "...");
			break;
		}
		show_string(v, &s, v->o->string_max);
	}
	put_char(v->out, ']');
}

static void directory_entry(struct view *v, const uint8_t *at, unsigned reclen)
{
	uint64_t ino;
	int64_t off;
	unsigned name = offsetof(struct k_dirent64, d_name);

	memcpy(&ino, at, 8);
	memcpy(&off, at + 8, 8);
	put_lit(v->out, "{d_ino=");
	put_uint(v->out, ino);
	put_lit(v->out, ", d_off=");
	put_int(v->out, off);
	put_lit(v->out, ", d_reclen=");
	put_uint(v->out, reclen);
	put_lit(v->out, ", d_type=");
	show_enum(v->out, set_by_id(SET_dtype), at[offsetof(struct k_dirent64, d_type)]);
	put_lit(v->out, ", d_name=");
	show_chars(v, at + name, reclen - name);
	put_char(v->out, '}');
}

/* The length of the entry at `at`, or 0 where no whole one follows. */
static unsigned entry_length(const uint8_t *at, uint64_t left)
{
	uint16_t reclen;

	if (left <= offsetof(struct k_dirent64, d_name))
		return 0;
	memcpy(&reclen, at + offsetof(struct k_dirent64, d_reclen), 2);
	return reclen > offsetof(struct k_dirent64, d_name) && reclen <= left ? reclen : 0;
}

static void count_directory(struct view *v, const struct memory *m, const uint8_t *at, uint64_t n)
{
	unsigned entries = 0, one;

	for (uint64_t i = 0; (one = entry_length(at + i, n - i)); i += one)
		entries++;
	put_hex(v->out, m->addr);
	put_lit(v->out, " /* ");
	put_uint(v->out, entries);
	put_str(v->out, entries == 1 ? " entry */" : " entries */");
}

void show_directory(struct view *v, const struct memory *m)
{
	static const uint8_t nothing[1];
	uint64_t n = 0;
	unsigned one;
	const uint8_t *at = m->len ? bytes_at(v, m->side, m->addr, &n) : nothing;

	if (!at) {
		put_address(v->out, m->addr);
		return;
	}
	n = min_of(n, m->len);
	if (v->o->abbreviate) {
		count_directory(v, m, at, n);
		return;
	}
	put_char(v->out, '[');
	for (uint64_t i = 0; (one = entry_length(at + i, n - i)); i += one) {
		if (i)
			put_lit(v->out, ", ");
		directory_entry(v, at + i, one);
	}
	put_char(v->out, ']');
}
