/* test_log.c - recordings: what was written is read again, and a file in whatever state gives what is whole, and says so. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "log/columns.h"
#include "log/reader.h"
#include "log/writer.h"
#include "tap.h"

static char path[] = "/tmp/test_log.XXXXXX", copy_path[] = "/tmp/test_log.XXXXXX", fifo_path[64];
static uint64_t seed = 7;

static uint64_t below(uint64_t n)
{
	return (rng_next(&seed) >> 16) % n;
}

/* An event as they are: most words like those before, some parts. */
static void make_event(struct buf *out, uint64_t seq)
{
	struct event e = {.seq = seq, .type = seq == 1 ? EV_START : EV_CALL, .task = 1, .call = below(300), .result = (int64_t)below(5) - 1,
	                  .entered = 1700000000000000000ull + seq * 20000, .left = 1700000000000000000ull + seq * 20000 + below(9000)};
	size_t start = out->len;

	for (int i = 0; i < 6; i++)
		e.args[i] = below(4) ? 0 : rng_next(&seed);
	buf_add(out, &e, sizeof(e));
	for (uint64_t n = below(4); n; n--) {
		struct part p = {.kind = below(2) ? PART_IN : PART_OUT, .len = below(40)};
		static const char bytes[48] = "some bytes that a call was given, or has written";

		p.whole = p.len;
		buf_add(out, &p, sizeof(p));
		buf_add(out, bytes, part_space(p.len) - sizeof(p));
		((struct event *)(out->at + start))->nparts++;
	}
	((struct event *)(out->at + start))->size = out->len - start;
}

static void test_columns(void)
{
	struct buf events = {0}, packed = {0}, again = {0};

	for (uint64_t i = 1; i <= 2000; i++)
		make_event(&events, i);
	columns_pack(&packed, events.at, events.len);
	ok(columns_unpack(&again, packed.at, packed.len, events.len) == 0, "columns are undone");
	ok(again.len == events.len && !memcmp(again.at, events.at, events.len), "... to the same bytes");
	ok(packed.len < events.len * 3 / 4, "... and are shorter: %zu of %zu", packed.len, events.len);
	buf_clear(&again);
	ok(columns_unpack(&again, packed.at, packed.len, events.len - 1) == -EBADMSG, "... too many for the room");
	buf_clear(&again);
	ok(columns_unpack(&again, packed.at, packed.len - 1, events.len) == -EBADMSG, "... cut off");
	buf_clear(&packed);
	buf_clear(&again);
	columns_pack(&packed, NULL, 0);
	ok(columns_unpack(&again, packed.at, packed.len, 0) == 0 && !again.len, "... none at all");
	buf_free(&events);
	buf_free(&packed);
	buf_free(&again);
}

/* Three chunks of events with a store in between, and how it ended. Returns the events. */
static struct buf write_one(bool ends)
{
	static const char stored[10000] = "bytes of a file";
	struct file_id id = {.dev = 1, .ino = 2, .size = 3};
	struct log_range range = {0, 3, 77};
	struct log_writer *w = log_create(path);
	struct buf all = {0};
	int err = !w;

	for (uint64_t i = 1; !err && i <= 60; i++) {
		struct buf one = {0};

		make_event(&one, i);
		buf_add(&all, one.at, one.len);
		if (i == 1)
			err |= log_about(w, "{\"about\":1}");
		err |= log_event(w, (struct event *)one.at);
		if (i % 20 == 0)
			err |= log_flush(w);
		if (i == 20)
			err |= log_store(w, 5, 4096, stored, sizeof(stored)) | log_file_ref(w, 6, &id, "/usr/lib/x", &range, 1);
		buf_free(&one);
	}
	if (ends)
		err |= log_end(w, "{}");
	ok(!err, "a recording is written%s", ends ? "" : ", without an end");
	log_close(w);
	return all;
}

/* Whether the reader's events are a beginning of `all`; *ret: how many bytes of it. */
static bool is_beginning(struct log_reader *r, const struct buf *all, size_t *ret)
{
	const struct event *e;
	size_t at = 0;

	while ((e = log_next(r))) {
		if (e->size > all->len - at || memcmp(e, all->at + at, e->size))
			return false;
		at += e->size;
	}
	*ret = at;
	return true;
}

static bool seeks(struct log_reader *r, const struct buf *all, uint64_t seq)
{
	const struct event *e = log_seek(r, seq), *right = (const struct event *)all->at;

	while (right->seq < seq)
		right = (const struct event *)((const char *)right + right->size);
	return e && e->size == right->size && !memcmp(e, right, e->size);
}

/* Three chunks of twenty: forwards, backwards, in the same chunk, where one begins and ends. */
static void test_seek(struct log_reader *r, const struct buf *all)
{
	static const uint64_t order[] = {1, 20, 21, 41, 40, 60, 7, 6, 8, 59, 20, 1};
	const struct event *e;
	int bad = 0;

	for (size_t i = 0; i < countof(order); i++)
		bad += !seeks(r, all, order[i]);
	ok(!bad, "events by their number, in any order");
	ok(seeks(r, all, 40) && (e = log_next(r)) && e->seq == 41, "... it goes on behind them");
	ok(!log_seek(r, 0) && !log_seek(r, 61) && !r->damage && seeks(r, all, 60), "... there is no event 0, nor one behind the last");
	for (uint64_t seq = 1; seq <= 60; seq++)
		bad += !seeks(r, all, seq);
	ok(!bad, "... each");
	log_rewind(r);
}

static void test_whole(const struct buf *all)
{
	char *error = NULL;
	struct log_reader *r = log_open(path, &error);
	struct buf data = {0};
	struct stat st;
	size_t n = 0;
	uint32_t stores = 0, files = 0;

	ok(r && r->complete && !r->damage, "it is read: %s", r ? "whole" : error);
	if (!r)
		return;
	ok(is_beginning(r, all, &n) && n == all->len, "all of its events, the same");
	log_rewind(r);
	ok(is_beginning(r, all, &n) && n == all->len, "... again, from the beginning");
	test_seek(r, all);
	for (uint32_t i = 0; i < r->nchunks; i++) {
		buf_clear(&data);
		if (r->chunk[i].c.kind == CHUNK_STORE)
			stores += r->chunk[i].c.ident == 5 && r->chunk[i].c.offset == 4096 && !log_chunk_data(r, i, &data) &&
			          data.len == 10000 && !strcmp(data.at, "bytes of a file");
		if (r->chunk[i].c.kind == CHUNK_FILE)
			files += r->chunk[i].c.ident == 6 && !log_chunk_data(r, i, &data) &&
			         !strcmp(data.at + sizeof(struct log_file), "/usr/lib/x");
	}
	ok(stores == 1 && files == 1, "the store and the file's name are there");
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "nobody else may read it");
	buf_free(&data);
	log_reader_close(r);
}

/* The file with `len` bytes, of which the one at `flip` is another. What is read is a beginning, and the reader says that something is
 * wrong. Returns the bytes of events, or -1. */
static long damaged_copy(const char *bytes, size_t len, size_t flip, const struct buf *all)
{
	char *error = NULL, *mine = xmalloc(len + 1);
	struct log_reader *r;
	size_t n = 0;
	long got = -1;
	int fd = open(copy_path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	memcpy(mine, bytes, len);
	if (flip < len)
		mine[flip] ^= 1 << flip % 8;
	if (fd >= 0 && !write_all(fd, mine, len) && (r = log_open(copy_path, &error))) {
		if (is_beginning(r, all, &n)) {
			struct buf data = {0};

			for (uint32_t i = 0; i < r->nchunks; i++)
				log_chunk_data(r, i, &data);
			buf_free(&data);
			got = r->damage ? (long)n : -1;
		}
		log_reader_close(r);
	} else if (error && strstr(error, copy_path)) {
		got = 0;
	}
	free(error);
	free(mine);
	close(fd);
	return got;
}

static void test_damage(const struct buf *all)
{
	static char bytes[1 << 20];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, bytes, sizeof(bytes));
	size_t bad = 0, first_bad = 0;
	long before = 0, most = 0, n;

	close(fd);
	for (ssize_t i = 0; i < len; i++) {
		n = damaged_copy(bytes, i, SIZE_MAX, all);
		if (n < before && !bad++)
			first_bad = i;
		before = max_of(before, n);
	}
	ok(!bad, "cut off at every one of %zd bytes: what is whole is read, and it is said (first bad: %zu)", len, first_bad);
	ok(before == (long)all->len, "... in the end all events are there");
	bad = first_bad = 0;
	for (ssize_t i = 0; i < len; i++) {
		n = damaged_copy(bytes, len, i, all);
		if (n < 0 && !bad++)
			first_bad = i;
		most = max_of(most, n);
	}
	ok(!bad, "a bit of every byte turned: it is said, and nothing else is read (first bad: %zu)", first_bad);
	ok(most == (long)all->len, "... where that is behind the events all of them are there");
}

/* A full disk, as a limit of the file's size. */
static void test_full(void)
{
	struct rlimit was, small = {30000, RLIM_INFINITY};
	struct buf all = {0}, noise = {0};
	struct log_writer *w = log_create(path);
	struct log_reader *r;
	char *error = NULL;
	size_t n = 0;
	int err = 0;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	small.rlim_max = was.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	for (int i = 0; i < 40000; i++)
		buf_putc(&noise, below(256));
	for (uint64_t i = 1; i <= 400 && !err; i++) {
		struct buf one = {0};

		make_event(&one, i);
		buf_add(&all, one.at, one.len);
		err = log_event(w, (struct event *)one.at);
		if (!err && i % 50 == 0)
			err = i == 300 ? log_store(w, 1, 0, noise.at, noise.len) : log_flush(w);
		buf_free(&one);
	}
	setrlimit(RLIMIT_FSIZE, &was);
	ok(err == -EFBIG, "a disk that is full is an error");
	ok(log_event(w, (struct event *)all.at) == err && log_end(w, "{}") == err, "... that stays");
	log_close(w);
	r = log_open(path, &error);
	ok(r && !r->complete && is_beginning(r, &all, &n) && n, "what was written until then is read");
	ok(r && r->damage && strstr(r->damage, "has no end"), "... and that it has no end: %s", r && r->damage ? r->damage : "");
	log_reader_close(r);
	buf_free(&all);
	buf_free(&noise);
}

static void refused(const char *what, const char *name, const char *says)
{
	char *error = NULL;
	bool opened = log_open(name, &error);

	ok(!opened && error && strstr(error, name) && strstr(error, says), "%s is no recording: %s", what, error ? error : "");
	free(error);
}

static void test_others(void)
{
	refused("what is not there", "/nonexistent/x", "No such file");
	refused("a directory", "/tmp", "directory");
	refused("a device", "/dev/null", "not a file");
	mkfifo(fifo_path, 0600);
	refused("a pipe", fifo_path, "not a file");
	ok(!log_create(fifo_path) && errno == ESPIPE, "a pipe to write to");
	unlink(fifo_path);
	refused("another file", "/proc/self/exe", "not a recording");
	ok(!log_create("/nonexistent/x") && errno == ENOENT, "no directory to write to");
	ok(!log_create("/dev/null") && errno == ESPIPE, "a device to write to");
}

int main(void)
{
	struct buf all;

	close(mkstemp(path));
	close(mkstemp(copy_path));
	snprintf(fifo_path, sizeof(fifo_path), "%s.fifo", path);
	test_columns();
	all = write_one(true);
	test_whole(&all);
	test_damage(&all);
	buf_free(&all);
	all = write_one(false);
	buf_free(&all);
	test_full();
	test_others();
	unlink(path);
	unlink(copy_path);
	return tap_end();
}
