/* columns.c - see columns.h.
 *
 * Packed: the number of events, 8 bytes; then for each column the differences of its words to that of the event before, from 0,
 * zigzag and LEB128; then the bytes behind the headers, of all events. `left` and the time of entry are nearly the same, and the
 * next entry comes soon after: `left` is kept as the difference to `entered`, and `entered` to the `left` before.
 */
#include "log/columns.h"

#include <string.h>

#include "abi/event.h"

#define WORDS (sizeof(struct event) / 8)
enum { WORD_ENTERED = offsetof(struct event, entered) / 8, WORD_LEFT = offsetof(struct event, left) / 8 };
_Static_assert(WORD_LEFT == WORD_ENTERED + 1, "unpacking goes from word to word");

union header { struct event e; uint64_t word[WORDS]; };

static uint64_t before(const union header *prev, const union header *this, size_t w)
{
	return w == WORD_ENTERED ? prev->e.left : w == WORD_LEFT ? this->e.entered : prev->word[w];
}

static void put_number(struct buf *out, uint64_t v)
{
	v = v << 1 ^ -(v >> 63);
	for (; v >= 0x80; v >>= 7)
		buf_putc(out, v | 0x80);
	buf_putc(out, v);
}

/* False at the end of what there is. */
static bool get_number(const char **at, const char *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (int shift = 0; *at < end && shift < 64; shift += 7) {
		unsigned char b = *(*at)++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret = v >> 1 ^ -(v & 1);
			return true;
		}
	}
	return false;
}

void columns_pack(struct buf *out, const char *events, size_t len)
{
	uint64_t n = 0;

	for (size_t at = 0; at < len; at += ((const struct event *)(events + at))->size)
		n++;
	buf_add(out, &n, sizeof(n));
	for (size_t w = 0; w < WORDS; w++) {
		union header prev = {.word = {0}}, this;

		for (size_t at = 0; at < len; at += this.e.size) {
			memcpy(&this, events + at, sizeof(this));
			put_number(out, this.word[w] - before(&prev, &this, w));
			prev = this;
		}
	}
	for (size_t at = 0; at < len;) {
		const struct event *e = (const struct event *)(events + at);

		buf_add(out, e + 1, e->size - sizeof(*e));
		at += e->size;
	}
}

int columns_unpack(struct buf *out, const char *packed, size_t packed_len, size_t len)
{
	const char *at = packed, *end = packed + packed_len, *column[WORDS];
	union header prev = {.word = {0}}, this;
	uint64_t n, skipped;

	if (packed_len < sizeof(n))
		return -EBADMSG;
	memcpy(&n, at, sizeof(n));
	at += sizeof(n);
	if (n > len / sizeof(struct event))
		return -EBADMSG;
	for (size_t w = 0; w < WORDS; w++) {
		column[w] = at;
		for (uint64_t i = 0; i < n; i++)
			if (!get_number(&at, end, &skipped))
				return -EBADMSG;
	}
	for (uint64_t i = 0; i < n; i++, prev = this) {
		for (size_t w = 0; w < WORDS; w++) {
			uint64_t delta = 0;

			get_number(&column[w], end, &delta);
			this.word[w] = before(&prev, &this, w) + delta;
		}
		if (this.e.size < sizeof(this) || this.e.size > len || this.e.size - sizeof(this) > (size_t)(end - at))
			return -EBADMSG;
		len -= this.e.size;
		buf_add(out, &this, sizeof(this));
		buf_add(out, at, this.e.size - sizeof(this));
		at += this.e.size - sizeof(this);
	}
	return at == end ? 0 : -EBADMSG;
}
