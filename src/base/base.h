/* base.h - small helpers that everything above stands on: errors, memory, text, time, bits.
 *
 * Errors travel as -errno; what must hold is asserted, in release builds too.
 */
#ifndef TANDEM_BASE_H
#define TANDEM_BASE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Exit statuses of tandem itself, as env, timeout and docker have them. */
enum { EXIT_TANDEM = 125, EXIT_CANNOT_EXEC = 126, EXIT_NOT_FOUND = 127 };

#define countof(a) (sizeof(a) / sizeof((a)[0]))
#define min_of(a, b) ((a) < (b) ? (a) : (b))
/* The start of the page after, unless `a` is the start of one. */
#define page_up(a) (((a) + 4095ull) & ~4095ull)
#define max_of(a, b) ((a) > (b) ? (a) : (b))

/* Asserted in release builds too: a monitor that is wrong about its own state must stop, not guess. */
#define must(cond) \
	((cond) ? (void)0 : must_failed(#cond, __FILE__, __LINE__, __func__))
_Noreturn void must_failed(const char *cond, const char *file, int line, const char *func);

/* One line "tandem: ..." on stderr. `die` leaves with EXIT_TANDEM. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Never NULL: out of memory ends the process with one line. Release with free. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
/* A table of *room elements of `size` bytes, at `at`, with room for element `index`: what is new is zero. */
void *xgrow(void *at, uint32_t *room, uint32_t index, size_t size);

/* A growing text or byte buffer; always NUL-terminated once written to. Zero-initialised is empty. */
struct buf {
	char *at;
	size_t len, room;
};
void buf_reserve(struct buf *b, size_t more);   /* room for `more` bytes after len */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_clear(struct buf *b);      /* keeps the memory */
void buf_free(struct buf *b);

/* A copy for people and for JSON: control bytes but for line ends, and what is no UTF-8, as \xNN. Release with free. */
char *text_printable(const char *s);

/* Nanoseconds, by raw system calls: a process under PR_SET_TSC must not use the vDSO's clocks. */
uint64_t now_wall(void);            /* CLOCK_REALTIME */
uint64_t now_mono(void);            /* CLOCK_MONOTONIC */
uint64_t now_cpu(void);             /* CLOCK_THREAD_CPUTIME_ID */
void nap_ns(uint64_t ns);

/* All of the bytes, or -errno. */
int write_all(int fd, const void *data, size_t len);

/* All of the bytes at an offset; -ENODATA where the file ends before. */
int read_all_at(int fd, void *to, size_t len, uint64_t at);

/* The first of `n` elements, sorted by a uint64_t that each begins with, for which that is at least `key`: its index, or n. */
size_t first_at_least(const void *list, size_t n, size_t size, uint64_t key);

/* xorshift64*: repeatable choices from a printed seed. */
uint64_t rng_next(uint64_t *state);

#endif
