/* text.h - numbers, names and quoted bytes written into a struct buf, without printf.
 *
 * One line of a trace is twenty to forty of these, and must cost about a microsecond: room is checked
 * once per piece, and nothing is allocated once the buffer has grown to the longest line.
 */
#ifndef TANDEM_SHOW_TEXT_H
#define TANDEM_SHOW_TEXT_H

#include <string.h>

#include "base/base.h"

/* At least `n` bytes, and a NUL, to write at the end of `b`; the caller then calls text_wrote. */
static inline char *text_room(struct buf *b, size_t n)
{
	if (b->room - b->len <= n) {
		b->room = max_of(b->room * 2, b->len + n + 256);
		b->at = (char *)xrealloc(b->at, b->room);
	}
	return b->at + b->len;
}

static inline void text_wrote(struct buf *b, size_t n)
{
	b->len += n;
	b->at[b->len] = 0;
}

static inline void put_bytes(struct buf *b, const void *s, size_t n)
{
	memcpy(text_room(b, n), s, n);
	text_wrote(b, n);
}

static inline void put_char(struct buf *b, char c)
{
	*text_room(b, 1) = c;
	text_wrote(b, 1);
}

/* A string literal: its length is known here. */
#define put_lit(b, s) put_bytes(b, "" s, sizeof(s) - 1)

static inline void put_str(struct buf *b, const char *s)
{
	put_bytes(b, s, strlen(s));
}

void put_uint(struct buf *b, uint64_t v);
void put_int(struct buf *b, int64_t v);
void put_hex(struct buf *b, uint64_t v);              /* 0x1f, but 0 is "0" */
static inline void put_full_hex(struct buf *b, uint64_t v)
{
	if (v)
		put_hex(b, v);
	else
		put_lit(b, "0x0");
}

void put_oct(struct buf *b, uint64_t v, int digits);  /* with a leading 0, at least `digits` after it */
void put_zeros(struct buf *b, uint64_t v, int width); /* decimal, padded with zeros */

/* "bytes" with C escapes, `n` of them; the quotes are written too. */
void put_quoted(struct buf *b, const void *bytes, size_t n);

/* NULL or 0x7ffe.... */
void put_address(struct buf *b, uint64_t v);

#endif
