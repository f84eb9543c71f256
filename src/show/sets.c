/* sets.c - see sets.h. */
#include "show/sets.h"

#include "abi/grammar.h"
#include "show/text.h"

/* Declares every set that the table of calls speaks of: one without values does not link. */
#define SET(name) extern const struct set set_##name;
#include "abi/sets.def"

static const struct set *const sets[SET_COUNT] = {
#define SET(name) [SET_##name] = &set_##name,
#include "abi/sets.def"
};

const struct set *set_by_id(unsigned id)
{
	return id < countof(sets) ? sets[id] : NULL;
}

const char *set_name_of(const struct set *s, uint64_t value)
{
	for (unsigned i = 0; i < s->n; i++)
		if ((uint32_t)s->values[i].value == (uint32_t)value)
			return s->values[i].name;
	return NULL;
}

static void unknown(struct buf *out, const struct set *s, uint64_t value)
{
	put_hex(out, value);
	put_lit(out, " /* ");
	put_str(out, s->unknown);
	put_lit(out, " */");
}

/* A field under a mask is compared with the whole word, a plain bit with what is not yet named. */
static bool matches(const struct set_value *v, uint64_t value, uint64_t left)
{
	return (value & v->mask) == v->value && (!v->value || (left & v->mask) == v->value);
}

void show_flags(struct buf *out, const struct set *s, uint64_t value)
{
	uint64_t left;
	bool some = false;

	/* Most flag words are ints; a negative one must not look 64 bits wide. */
	if ((int64_t)value < 0 && (int64_t)value >= INT32_MIN)
		value = (uint32_t)value;
	left = value;
	for (unsigned i = 0; i < s->n; i++) {
		const struct set_value *v = &s->values[i];

		if (!matches(v, value, left))
			continue;
		if (some)
			put_char(out, '|');
		put_bytes(out, v->name, v->len);
		left &= ~v->mask;
		some = true;
	}
	if (!some && left)
		unknown(out, s, left);
	else if (!some)
		put_char(out, '0');
	else if (left) {
		put_char(out, '|');
		put_hex(out, left);
	}
}

void show_enum(struct buf *out, const struct set *s, uint64_t value)
{
	const char *name = set_name_of(s, value);

	if (name)
		put_str(out, name);
	else
		unknown(out, s, value >> 32 == 0xffffffff ? (uint32_t)value : value);
}
