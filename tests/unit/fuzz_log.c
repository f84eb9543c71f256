/* fuzz_log.c - whatever stands in a recording, reading it ends, without a crash, and gives only events that are valid.
 *
 * Bytes of a small recording are changed at random; half of the time the hashes are made right again, so that what lies behind
 * them is met as well. With LOG_FUZZER defined it is an entry point of libFuzzer's instead: `make fuzz-log`.
 *
 *   fuzz_log [SEED [ROUNDS]]     TAP; the seed is printed, so that a failure can be had again
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "base/base.h"
#include "log/columns.h"
#include "log/reader.h"

static char name[64];
static int file;

/* All that a reader does with a file. */
static uint64_t read_all(const void *bytes, size_t len)
{
	char *error = NULL;
	struct log_reader *r;
	struct buf data = {0};
	const struct event *e;
	uint64_t events = 0;

	if (ftruncate(file, 0) || pwrite(file, bytes, len, 0) != (ssize_t)len)
		die("no memory for a file");
	if (!(r = log_open(name, &error))) {
		free(error);
		return 0;
	}
	while ((e = log_next(r))) {
		must(event_valid(e, e->size) && e->seq == events + 1);
		events++;
	}
	for (uint32_t i = 0; i < r->nchunks; i++) {
		buf_clear(&data);
		/* A frame that promises gigabytes has to bring them; here it can't. */
		if (r->chunk[i].c.raw < 1 << 26)
			log_chunk_data(r, i, &data);
	}
	must(r->complete || r->damage);
	buf_free(&data);
	log_reader_close(r);
	return events;
}

/* So that a change comes through to what lies behind the hashes. */
static void mend_hashes(char *bytes, size_t len)
{
	struct log_chunk c;

	for (size_t at = sizeof(struct log_header); at < len && len - at > sizeof(c); at += sizeof(c) + c.packed) {
		memcpy(&c, bytes + at, sizeof(c));
		if (c.packed > len - at - sizeof(c))
			return;
		c.magic = LOG_CHUNK_MAGIC;
		c.data_hash = hash_bytes(bytes + at + sizeof(c), c.packed, 0);
		c.hash = hash_bytes(&c, offsetof(struct log_chunk, hash), 0);
		memcpy(bytes + at, &c, sizeof(c));
	}
}

static void make_file(void)
{
	file = memfd_create("fuzz", MFD_CLOEXEC);
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", getpid(), file);
}

#ifdef LOG_FUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *mine = xmalloc(len);

	if (!*name)
		make_file();
	memcpy(mine, data, len);
	mend_hashes(mine, len);
	read_all(mine, len);
	free(mine);
	return 0;
}
#else
#include "tap.h"

static uint64_t seed;
static struct buf recording;

static uint64_t below(uint64_t n)
{
	return (rng_next(&seed) >> 8) % n;
}

static void add_chunk(int kind, uint64_t ident, const void *raw, size_t len, bool compressed)
{
	struct log_chunk c = {.magic = LOG_CHUNK_MAGIC, .kind = kind, .ident = ident, .raw = len};
	static char packed[1 << 20];

	/* zstd keeps what does not shrink as it is: changed bytes come through then. */
	c.packed = ZSTD_compress(packed, sizeof(packed), raw, len, compressed ? 1 : -100000);
	c.data_hash = hash_bytes(packed, c.packed, 0);
	c.hash = hash_bytes(&c, offsetof(struct log_chunk, hash), 0);
	buf_add(&recording, &c, sizeof(c));
	buf_add(&recording, packed, c.packed);
}

static void add_events(uint64_t first, uint64_t n, bool compressed)
{
	struct buf events = {0}, packed = {0};

	for (uint64_t i = 0; i < n; i++) {
		struct event e = {.seq = first + i, .type = first + i == 1 ? EV_START : EV_CALL, .task = 1, .size = sizeof(e) + 40, .nparts = 1, .result = rng_next(&seed)};
		struct part p = {.kind = PART_IN, .len = 13};

		buf_add(&events, &e, sizeof(e));
		buf_add(&events, &p, sizeof(p));
		for (int k = 0; k < 16; k++)
			buf_putc(&events, below(256));
	}
	columns_pack(&packed, events.at, events.len);
	add_chunk(CHUNK_EVENTS, first, packed.at, packed.len, compressed);
	buf_free(&events);
	buf_free(&packed);
}

static void make_recording(void)
{
	struct log_header h = {LOG_MAGIC, EVENT_VERSION, 0};

	buf_clear(&recording);
	buf_add(&recording, &h, sizeof(h));
	add_chunk(CHUNK_ABOUT, 0, "{}", 2, true);
	add_events(1, 3 + below(4), below(2));
	add_chunk(CHUNK_STORE, 1, "bytes", 5, true);
	add_events(100, 2, below(2));
	add_chunk(CHUNK_END, 0, "{}", 2, true);
}

int main(int argc, char **argv)
{
	/* A file each: a fiftieth of the rounds that others make. */
	uint64_t rounds = (argc > 2 ? strtoull(argv[2], NULL, 0) : 100000) / 50, events = 0, whole = 0;

	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : now_wall();
	printf("# seed %llu, %llu rounds\n", (unsigned long long)seed, (unsigned long long)rounds);
	make_file();
	make_recording();
	ok(read_all(recording.at, recording.len) >= 3, "a recording is read as it is");
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t n = 1 + below(6), got;

		make_recording();
		while (n--)
			recording.at[below(recording.len)] = below(3) ? below(256) : below(2) * 255;
		if (below(8) == 0)
			recording.len = below(recording.len);
		if (below(2))
			mend_hashes(recording.at, recording.len);
		got = read_all(recording.at, recording.len);
		events += got;
		whole += got > 2;
	}
	ok(true, "%llu changed ones were read to their end", (unsigned long long)rounds);
	ok(!rounds || (whole && whole < rounds), "... %llu of them with all events before the first gap, %llu in all",
	   (unsigned long long)whole, (unsigned long long)events);
	buf_free(&recording);
	return tap_end();
}
#endif
