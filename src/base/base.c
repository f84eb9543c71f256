/* base.c - see base.h. */
#define _GNU_SOURCE
#include "base/base.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void must_failed(const char *cond, const char *file, int line, const char *func)
{
	fprintf(stderr, "tandem: internal error: %s:%d: %s: %s does not hold\n", file, line, func, cond);
	abort();
}

static void say(const char *fmt, va_list ap)
{
	char text[4096];
	int n = snprintf(text, sizeof(text), "tandem: ");

	n += vsnprintf(text + n, sizeof(text) - n - 1, fmt, ap);
	n = min_of(n, (int)sizeof(text) - 2);
	text[n] = '\n';
	/* One write: lines of several processes must not mix. */
	(void)!write(2, text, n + 1);
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	exit(EXIT_TANDEM);
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		die("out of memory");
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		die("out of memory");
	return p;
}

void *xrealloc(void *old, size_t n)
{
	void *p = realloc(old, n ? n : 1);

	if (!p)
		die("out of memory");
	return p;
}

char *xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xmalloc(n), s, n);
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		die("out of memory");
	return s;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

void *xgrow(void *at, uint32_t *room, uint32_t index, size_t size)
{
	uint64_t more;

	if (index < *room)
		return at;
	more = min_of(max_of(2 * (uint64_t)*room, (uint64_t)index + 64), (uint64_t)UINT32_MAX);
	at = xrealloc(at, more * size);
	memset((char *)at + *room * size, 0, (more - *room) * size);
	*room = more;
	return at;
}

void buf_reserve(struct buf *b, size_t more)
{
	if (b->len + more + 1 <= b->room)
		return;
	b->room = max_of(b->room * 2, b->len + more + 1);
	b->room = max_of(b->room, (size_t)128);
	b->at = xrealloc(b->at, b->room);
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	buf_reserve(b, len);
	if (len)
		memcpy(b->at + b->len, data, len);
	b->len += len;
	b->at[b->len] = 0;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	buf_reserve(b, 64);
	va_start(ap, fmt);
	n = vsnprintf(b->at + b->len, b->room - b->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= b->room - b->len) {
		buf_reserve(b, n);
		va_start(ap, fmt);
		vsnprintf(b->at + b->len, b->room - b->len, fmt, ap);
		va_end(ap);
	}
	b->len += n;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->at)
		b->at[0] = 0;
}

void buf_free(struct buf *b)
{
	free(b->at);
	*b = (struct buf){0};
}

static uint64_t now(int clock)
{
	struct timespec t;

	syscall(SYS_clock_gettime, clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

/* The length of the UTF-8 character at `s`, 0 where there is none: too long a form, half a pair, beyond the last. */
static int utf8_len(const unsigned char *s)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	int n = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf8 ? 4 : 0;
	uint32_t c = n > 1 ? s[0] & (0x7f >> n) : s[0];

	for (int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return n && c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

char *text_printable(const char *s)
{
	struct buf out = {0};
	const unsigned char *at = (const unsigned char *)s;

	buf_puts(&out, "");
	while (*at) {
		int n = utf8_len(at);

		if (!n || (n == 1 && *at != '\n' && (*at < ' ' || *at == 0x7f)) || (n == 2 && *at == 0xc2 && at[1] < 0xa0)) {
			buf_printf(&out, "\\x%02x", *at++);
			continue;
		}
		buf_add(&out, at, n);
		at += n;
	}
	return out.at;
}

uint64_t now_wall(void)
{
	return now(CLOCK_REALTIME);
}

uint64_t now_mono(void)
{
	return now(CLOCK_MONOTONIC);
}

uint64_t now_cpu(void)
{
	return now(CLOCK_THREAD_CPUTIME_ID);
}

void nap_ns(uint64_t ns)
{
	struct timespec t = {ns / 1000000000u, ns % 1000000000u};

	/* A tick interrupts it; what remains is slept as well. */
	while (syscall(SYS_nanosleep, &t, &t) < 0 && errno == EINTR)
		;
}

int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= n;
	}
	return 0;
}

int read_all_at(int fd, void *to, size_t len, uint64_t at)
{
	for (char *p = to; len;) {
		ssize_t n = pread(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		p += n;
		at += n;
		len -= n;
	}
	return 0;
}

uint64_t rng_next(uint64_t *state)
{
	uint64_t x = *state ? *state : 0x9e3779b97f4a7c15u;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1du;
}

size_t first_at_least(const void *list, size_t n, size_t size, uint64_t key)
{
	size_t from = 0, to = n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		uint64_t x;

		memcpy(&x, (const char *)list + mid * size, sizeof(x));
		if (x < key)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}
