/* test_values.c - what of an event counts as the same, as what the program did, as what it got, and as different by itself. Then any
 * event that passes event_valid.
 *
 *   test_values [SEED [ROUNDS]]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/base.h"
#include "tap.h"
#include "why/values.h"

static const struct ids nobody;

struct made { struct buf b; };

static struct event *event(struct made *m)
{
	return (struct event *)m->b.at;
}

static void make(struct made *m, int type, uint32_t call, int64_t result, const uint64_t *args)
{
	struct event e = {.seq = 1, .size = sizeof(e), .type = type, .task = 1, .call = call, .result = result};

	memcpy(e.args, args, sizeof(e.args));
	buf_clear(&m->b);
	buf_add(&m->b, &e, sizeof(e));
}

static void add_part(struct made *m, int kind, int arg, uint64_t addr, const void *bytes, uint32_t len)
{
	static const char zeros[8];
	struct part p = {.kind = kind, .arg = arg, .len = len, .addr = addr, .whole = len};

	buf_add(&m->b, &p, sizeof(p));
	buf_add(&m->b, bytes, len);
	buf_add(&m->b, zeros, part_space(len) - sizeof(p) - len);
	event(m)->nparts++;
	event(m)->size = m->b.len;
}

enum { DID = 1, GOT = 2, ITSELF = 4, ADDRESSES = 8 };

/* What differs, by the hashes; and comparing must say the same. */
static int differing(struct made *a, struct made *b)
{
	static const int bit[VALUE_CLASSES][VALUE_NATURES] = {{DID, ITSELF, ADDRESSES}, {GOT, ITSELF, ADDRESSES}};
	struct digest x, y;
	struct values_compared c;
	int hashed = 0, compared = 0;

	must(event_valid(event(a), a->b.len) && event_valid(event(b), b->b.len));
	values_digest(event(a), &nobody, &x);
	values_digest(event(b), &nobody, &y);
	values_compare(event(a), &nobody, event(b), &nobody, &c);
	for (int i = 0; i < VALUE_CLASSES; i++)
		for (int k = 0; k < VALUE_NATURES; k++) {
			hashed |= x.hash[i][k] != y.hash[i][k] ? bit[i][k] : 0;
			compared |= c.differs[i][k].found ? bit[i][k] : 0;
		}
	return hashed == compared ? hashed : -1;
}

static void read_event(struct made *m, uint64_t buf, const char *bytes, int64_t result)
{
	make(m, EV_CALL, SYS_read, result, (uint64_t[6]){3, buf, 100});
	if (result > 0)
		add_part(m, PART_OUT, 2, buf, bytes, result);
}

static void test_read(void)
{
	struct made a = {0}, b = {0};

	read_event(&a, 0x1000, "some", 4);
	read_event(&b, 0x1000, "some", 4);
	ok(differing(&a, &b) == 0, "the same");
	read_event(&b, 0x2000, "some", 4);
	ok(differing(&a, &b) == ADDRESSES, "elsewhere in memory");
	read_event(&b, 0x1000, "sore", 4);
	ok(differing(&a, &b) == GOT, "other bytes were read");
	read_event(&b, 0x1000, NULL, -EAGAIN);
	ok(differing(&a, &b) & GOT, "none were");
	read_event(&b, 0x1000, "some", 4);
	event(&b)->args[0] = 4;
	ok(differing(&a, &b) == DID, "from another descriptor");
	event(&b)->args[0] = 3 | 7ull << 32;
	ok(differing(&a, &b) == 0, "above an int there is rubbish");
	event(&b)->call = SYS_pread64;
	ok(event_key(event(&a)) != event_key(event(&b)), "another call");
	buf_free(&a.b);
	buf_free(&b.b);
}

static void open_event(struct made *m, const char *path, uint64_t flags, uint64_t mode)
{
	make(m, EV_CALL, SYS_openat, 3, (uint64_t[6]){AT_FDCWD, 0x1000 + flags, flags, mode});
	add_part(m, PART_IN, 2, 0x1000 + flags, path, strlen(path) + 1);
}

static void test_open(void)
{
	struct made a = {0}, b = {0};

	open_event(&a, "/etc/passwd", O_RDONLY, 0);
	open_event(&b, "/etc/group", O_RDONLY, 0);
	ok(differing(&a, &b) == DID, "another path");
	open_event(&b, "/etc/passwd", O_RDONLY, 0644);
	ok(differing(&a, &b) == 0, "a mode that is not used");
	open_event(&a, "/etc/passwd", O_CREAT, 0600);
	open_event(&b, "/etc/passwd", O_CREAT, 0644);
	ok(differing(&a, &b) == DID, "... and where it is");
	event(&b)->args[3] = 0600;
	event(&b)->result = 4;
	ok(differing(&a, &b) == GOT, "another descriptor");
	buf_free(&a.b);
	buf_free(&b.b);
}

static int of_results(uint32_t call, int64_t x, int64_t y)
{
	struct made a = {0}, b = {0};
	int ret;

	make(&a, EV_CALL, call, x, (uint64_t[6]){0});
	make(&b, EV_CALL, call, y, (uint64_t[6]){0});
	ret = differing(&a, &b);
	buf_free(&a.b);
	buf_free(&b.b);
	return ret;
}

static void test_results(void)
{
	ok(of_results(SYS_getpid, 100, 200) == ITSELF, "process ids differ by themselves");
	ok(of_results(SYS_brk, 0x1000, 0x2000) == ADDRESSES, "so do addresses");
	ok(of_results(SYS_fork, 100, 200) == ITSELF, "so do children");
	ok(of_results(SYS_fork, 100, 0) & GOT, "... but not whether one is the child");
	ok(of_results(SYS_fork, 100, -EAGAIN) & GOT, "... nor that there is none");
	ok(of_results(SYS_close, 0, -EBADF) == GOT, "an error");
	ok(of_results(SYS_close, -EIO, -EBADF) == GOT, "another error");
}

static void stat_event(struct made *m, int64_t ino, int64_t size)
{
	struct stat st = {.st_ino = ino, .st_mode = 0644, .st_size = size};

	make(m, EV_CALL, SYS_fstat, 0, (uint64_t[6]){3, 0x1000});
	add_part(m, PART_OUT, 2, 0x1000, &st, sizeof(st));
}

static void test_struct(void)
{
	struct made a = {0}, b = {0};
	struct values_compared c;

	stat_event(&a, 1, 100);
	stat_event(&b, 2, 100);
	ok(differing(&a, &b) == ITSELF, "the number of a file differs by itself");
	stat_event(&b, 1, 200);
	ok(differing(&a, &b) == GOT, "its size does not");
	values_compare(event(&a), &nobody, event(&b), &nobody, &c);
	ok(c.differs[VALUE_GOT][VALUE_STEADY].a.number == 100 && c.differs[VALUE_GOT][VALUE_STEADY].b.number == 200 &&
	   c.differs[VALUE_GOT][VALUE_STEADY].a.offset == offsetof(struct stat, st_size), "... which field, and its values");
	make(&a, EV_CALL, SYS_getrandom, 4, (uint64_t[6]){0x1000, 4});
	add_part(&a, PART_OUT, 1, 0x1000, "rand", 4);
	make(&b, EV_CALL, SYS_getrandom, 4, (uint64_t[6]){0x1000, 4});
	add_part(&b, PART_OUT, 1, 0x1000, "omly", 4);
	ok(differing(&a, &b) == ITSELF, "random bytes differ by themselves");
	ok(varying_outputs(event(&a)) == 1, "... as the table says");
	buf_free(&a.b);
	buf_free(&b.b);
}

static void vector_event(struct made *m, uint64_t base, const char *text)
{
	uint64_t iov[4] = {base, 2, base + 100, 3};

	make(m, EV_CALL, SYS_writev, 5, (uint64_t[6]){1, 0x1000, 2});
	add_part(m, PART_IN, 2, 0x1000, iov, sizeof(iov));
	add_part(m, PART_IN, 2, base, text, 2);
	add_part(m, PART_IN, 2, base + 100, text + 2, 3);
}

static void test_pointers(void)
{
	struct made a = {0}, b = {0};
	struct ids ids = {0};
	struct digest x, y;

	vector_event(&a, 0x2000, "abcde");
	vector_event(&b, 0x3000, "abcde");
	ok(differing(&a, &b) == ADDRESSES, "a vector elsewhere");
	vector_event(&b, 0x2000, "abcdX");
	ok(differing(&a, &b) == DID, "... with another byte in its second buffer");
	/* FUTEX_WAIT on the word of a thread that is joined. */
	make(&a, EV_CALL, SYS_futex, 0, (uint64_t[6]){0x1000, 0, 500});
	make(&b, EV_CALL, SYS_futex, 0, (uint64_t[6]){0x1000, 0, 600});
	ok(differing(&a, &b) == DID, "another value of a futex");
	ids_add(&ids, 500);
	ids_add(&ids, 600);
	values_digest(event(&a), &ids, &x);
	values_digest(event(&b), &ids, &y);
	ok(x.hash[VALUE_DID][VALUE_STEADY] == y.hash[VALUE_DID][VALUE_STEADY] &&
	   x.hash[VALUE_DID][VALUE_ITSELF] != y.hash[VALUE_DID][VALUE_ITSELF], "... unless both are a task's id");
	ids_free(&ids);
	buf_free(&a.b);
	buf_free(&b.b);
}

static void test_join(void)
{
	struct made enter = {0}, leave = {0}, whole = {0};
	struct buf joined = {0};
	struct digest x, y;

	make(&enter, EV_ENTER, SYS_write, 0, (uint64_t[6]){1, 0x1000, 5});
	add_part(&enter, PART_IN, 2, 0x1000, "hello", 5);
	make(&leave, EV_LEAVE, SYS_write, 5, (uint64_t[6]){1, 0x1000, 5});
	make(&whole, EV_CALL, SYS_write, 5, (uint64_t[6]){1, 0x1000, 5});
	add_part(&whole, PART_IN, 2, 0x1000, "hello", 5);
	values_digest(join_events(&joined, event(&enter), event(&leave)), &nobody, &x);
	values_digest(event(&whole), &nobody, &y);
	ok(event_valid((struct event *)joined.at, joined.len) && !memcmp(&x, &y, sizeof(x)), "a call in two events is as one in one");
	buf_free(&enter.b);
	buf_free(&leave.b);
	buf_free(&whole.b);
	buf_free(&joined);
}

/* ---- anything ---- */

static uint64_t seed = 5;

static uint64_t some(void)
{
	static const uint64_t edges[] = {0, 1, 0x7fffffff, 0xffffffff, ~0ull, ~0ull - 4095, 1ull << 63, -100};

	switch (rng_next(&seed) >> 62) {
	case 0: return (rng_next(&seed) >> 20) % 64;
	case 1: return 0x1000 + (rng_next(&seed) >> 20) % 16 * 16;
	case 2: return edges[(rng_next(&seed) >> 20) % countof(edges)];
	}
	return rng_next(&seed);
}

static void make_any(struct made *m)
{
	uint64_t word[20], args[6];

	for (int i = 0; i < 6; i++)
		args[i] = some();
	make(m, 1 + some() % (EV_TYPES - 1), some() % 470, some(), args);
	for (uint64_t n = some() % 12; n; n--) {
		for (size_t i = 0; i < countof(word); i++)
			word[i] = some();
		add_part(m, 1 + some() % 4, some() % 7, some(), word, some() % sizeof(word));
	}
	if (event(m)->type == EV_PAD)
		event(m)->type = EV_CALL;
}

static void test_any(int rounds)
{
	struct made a = {0}, b = {0};
	int bad = 0;

	for (int i = 0; i < rounds; i++) {
		make_any(&a);
		make_any(&b);
		bad += event_valid(event(&a), a.b.len) && differing(&a, &a);
		bad += event_key(event(&a)) == event_key(event(&b)) && differing(&a, &b) < 0;
	}
	ok(!bad, "%d events of any kind are as they are themselves (%d are not)", rounds, bad);
	buf_free(&a.b);
	buf_free(&b.b);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0) | 1;
	test_read();
	test_open();
	test_results();
	test_struct();
	test_pointers();
	test_join();
	test_any(argc > 2 ? atoi(argv[2]) : 100000);
	return tap_end();
}
