/* text.c - see text.h. */
#include "show/text.h"

static const char digits2[] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899";

/* Writes backwards from `end`; returns the first character. */
static char *decimal(char *end, uint64_t v)
{
	while (v >= 100) {
		end -= 2;
		memcpy(end, digits2 + v % 100 * 2, 2);
		v /= 100;
	}
	if (v >= 10) {
		end -= 2;
		memcpy(end, digits2 + v * 2, 2);
	} else {
		*--end = '0' + v;
	}
	return end;
}

void put_uint(struct buf *b, uint64_t v)
{
	char text[24], *end = text + sizeof(text);
	char *at = decimal(end, v);

	put_bytes(b, at, end - at);
}

void put_int(struct buf *b, int64_t v)
{
	if (v < 0)
		put_char(b, '-');
	put_uint(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void put_zeros(struct buf *b, uint64_t v, int width)
{
	char text[40], *end = text + sizeof(text);
	char *at = decimal(end, v);

	while (end - at < width && at > text)
		*--at = '0';
	put_bytes(b, at, end - at);
}

void put_hex(struct buf *b, uint64_t v)
{
	int n = v ? (67 - __builtin_clzll(v)) / 4 : 0;
	char *at;

	if (!v) {
		put_char(b, '0');
		return;
	}
	at = text_room(b, n + 2);
	at[0] = '0';
	at[1] = 'x';
	for (int i = n - 1; i >= 0; i--, v >>= 4)
		at[2 + i] = "0123456789abcdef"[v & 15];
	text_wrote(b, n + 2);
}

void put_oct(struct buf *b, uint64_t v, int digits)
{
	char text[32], *end = text + sizeof(text), *at = end;

	do {
		*--at = '0' + (v & 7);
		v >>= 3;
	} while (v || end - at < digits);
	*--at = '0';
	put_bytes(b, at, end - at);
}

void put_address(struct buf *b, uint64_t v)
{
	if (v)
		put_hex(b, v);
	else
		put_lit(b, "NULL");
}

static inline char short_escape(unsigned char c)
{
	switch (c) {
	case '\t': return 't';
	case '\n': return 'n';
	case '\v': return 'v';
	case '\f': return 'f';
	case '\r': return 'r';
	case '"':
	case '\\': return c;
	default: return 0;
	}
}

static inline bool plain(unsigned char c)
{
	return c >= ' ' && c < 127 && c != '"' && c != '\\';
}

/* An octal escape is as short as it can be, but a digit after it would be read as part of it. */
static char *octal_escape(char *to, unsigned char c, bool digit_follows)
{
	if (c > 077 || digit_follows)
		*to++ = '0' + (c >> 6);
	if (c > 7 || digit_follows)
		*to++ = '0' + (c >> 3 & 7);
	*to++ = '0' + (c & 7);
	return to;
}

void put_quoted(struct buf *b, const void *bytes, size_t n)
{
	const unsigned char *s = bytes;
	char *start = text_room(b, 4 * n + 2), *to = start;

	*to++ = '"';
	for (size_t i = 0; i < n; i++) {
		if (plain(s[i])) {
			*to++ = s[i];
			continue;
		}
		*to++ = '\\';
		if (short_escape(s[i]))
			*to++ = short_escape(s[i]);
		else
			to = octal_escape(to, s[i], i + 1 < n && s[i + 1] >= '0' && s[i + 1] <= '9');
	}
	*to++ = '"';
	text_wrote(b, to - start);
}
