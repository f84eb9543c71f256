/* recorder.c - see recorder.h.
 *
 * Events go into the recording as they are, but for the numbers of stores: in the stream they are descriptors of the leader's
 * monitor, which are used again; in a recording stores are counted. A store that an event names is read before the event is
 * released: until then the leader's monitor keeps it.
 */
#define _GNU_SOURCE
#include "monitor/recorder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/store.h"

/* Stores are written in pieces of this size. */
#define PIECE (4u << 20)
/* What has come since is written after so long, so that not much is missing should tandem be killed. */
#define PATIENCE_NS 1000000000ull
#define LOOK_EVENTS 256

/* What is in the recording of one of the producer's memfds, known by its inode: descriptors are used again, inodes are not. */
struct stored {
	uint64_t ino, number;
	bool by_name;                  /* by CHUNK_FILE */
	struct log_range *range;       /* without hashes */
	uint32_t nranges;
};

struct recorder {
	struct log_writer *w;
	bool bundle, told;
	int err;
	struct stored *store;
	uint32_t nstores;
	struct buf event;              /* one whose stores' numbers are changed */
	uint64_t written;              /* when, now_mono */
};

struct recorder *recorder_new(struct log_writer *w, bool bundle)
{
	struct recorder *r = xcalloc(1, sizeof(*r));

	r->w = w;
	r->bundle = bundle;
	return r;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->nstores; i++)
		free(r->store[i].range);
	free(r->store);
	buf_free(&r->event);
	free(r);
}

int recorder_error(const struct recorder *r)
{
	return r->err;
}

/* The program must not suffer from a full disk: say it once, go on. */
static void check(struct recorder *r, int err, const char *what)
{
	if (!err || r->err)
		return;
	/* What came before is good. */
	log_flush(r->w);
	r->err = err;
	warn("%s: %s: the recording ends here", what, strerror(-err));
}

/* Files of the system's, that only root changes, and as a rule by putting another file in their place: they are named, and
 * checked before a replay. Whatever else may have changed by then. */
static bool is_lasting(const char *path, const struct file_id *id)
{
	static const char *const places[] = {"/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/", "/opt/"};
	struct stat st;

	if (id->dev == SEGMENT_DEV || id->mode & 022 || stat(path, &st) < 0)
		return false;
	if (st.st_uid || st.st_dev != id->dev || st.st_ino != id->ino || (uint64_t)st.st_size != id->size)
		return false;
	for (size_t i = 0; i < countof(places); i++)
		if (!strncmp(path, places[i], strlen(places[i])))
			return true;
	return false;
}

static struct stored *stored(struct recorder *r, uint64_t ino)
{
	for (uint32_t i = r->nstores; i--;)
		if (r->store[i].ino == ino)
			return &r->store[i];
	return NULL;
}

static struct stored *add_stored(struct recorder *r, uint64_t ino, bool by_name)
{
	if (!(r->nstores & (r->nstores - 1)))
		r->store = xrealloc(r->store, max_of(2 * r->nstores, 1u) * sizeof(*r->store));
	r->store[r->nstores] = (struct stored){ino, r->nstores, by_name, NULL, 0};
	return &r->store[r->nstores++];
}

static void add_range(struct log_range **list, uint32_t *n, uint64_t from, uint64_t to)
{
	if (!(*n & (*n - 1)))
		*list = xrealloc(*list, max_of(2 * *n, 1u) * sizeof(**list));
	(*list)[(*n)++] = (struct log_range){from, to, 0};
}

static int by_place(const void *a, const void *b)
{
	const struct log_range *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* Those of a store stay sorted, and what touches is one. */
static void add_stored_ranges(struct stored *s, const struct log_range *x, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		add_range(&s->range, &s->nranges, x[i].from, x[i].to);
	qsort(s->range, s->nranges, sizeof(*s->range), by_place);
	for (uint32_t i = 1; i < s->nranges; i++)
		if (s->range[i].from <= s->range[kept].to)
			s->range[kept].to = max_of(s->range[kept].to, s->range[i].to);
		else
			s->range[++kept] = s->range[i];
	s->nranges = s->nranges ? kept + 1 : 0;
}

/* What the memfd holds and the recording does not. (Pages that nobody has written to read as zeros, here and in a replay.) */
static uint32_t new_ranges(const struct stored *s, int fd, struct log_range **ret)
{
	uint32_t n = 0, known = 0;
	off_t at = 0, end;

	*ret = NULL;
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && (end = lseek(fd, at, SEEK_HOLE)) > at)
		while (at < end) {
			while (known < s->nranges && s->range[known].to <= (uint64_t)at)
				known++;
			if (known < s->nranges && s->range[known].from <= (uint64_t)at) {
				at = s->range[known].to;
				continue;
			}
			add_range(ret, &n, at, known < s->nranges ? min_of((uint64_t)end, s->range[known].from) : (uint64_t)end);
			at = (*ret)[n - 1].to;
		}
	return n;
}

static int write_ranges(struct recorder *r, const struct stored *s, const char *data, const struct log_range *x, uint32_t n)
{
	int err = 0;

	for (uint32_t i = 0; i < n; i++)
		for (uint64_t at = x[i].from; at < x[i].to && !err; at += PIECE)
			err = log_store(r->w, s->number, at, data + at, min_of(x[i].to - at, (uint64_t)PIECE));
	return err;
}

/* Pages of the store that the file has not: the kernel clears the end of a data segment's last page. */
static int write_differences(struct recorder *r, const struct stored *s, const char *data, const char *file, uint64_t from, uint64_t to)
{
	int err = 0;

	for (uint64_t at = from, n; at < to && !err; at += n) {
		n = min_of(to - at, 4096 - at % 4096);
		if (memcmp(data + at, file + (at - from), n))
			err = log_store(r->w, s->number, at, data + at, n);
	}
	return err;
}

/* The bytes of a file's range; NULL where it has not so many. */
static char *read_range(const char *path, const struct log_range *x)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes = xmalloc(x->to - x->from);
	bool good = fd >= 0 && read_all_at(fd, bytes, x->to - x->from, x->from) == 0;

	if (fd >= 0)
		close(fd);
	if (good)
		return bytes;
	free(bytes);
	return NULL;
}

/* Say in which file one range of a store is. What lies behind the end of that file are zeros that the memfd was rounded up to. */
static int name_range(struct recorder *r, const struct stored *s, const struct file_id *id, const char *path, const char *data,
                      struct log_range x)
{
	char *file;
	int err;

	x.to = min_of(x.to, id->size);
	if (x.from >= x.to)
		return 0;
	if (!(file = read_range(path, &x)))
		return write_ranges(r, s, data, &x, 1);
	x.hash = hash_bytes(file, x.to - x.from, 0);
	err = log_file_ref(r->w, s->number, id, path, &x, 1);
	if (!err)
		err = write_differences(r, s, data, file, x.from, x.to);
	free(file);
	return err;
}

static int name_ranges(struct recorder *r, const struct stored *s, const struct file_id *id, const char *path, const char *data,
                       const struct log_range *x, uint32_t n)
{
	int err = 0;

	for (uint32_t i = 0; i < n && !err; i++)
		err = name_range(r, s, id, path, data, x[i]);
	return err;
}

/* Write what is new of the store that `id` names, and give it the recording's number. */
static int keep_store(struct recorder *r, struct stream *s, int slot, struct file_id *id, const char *path)
{
	struct log_range *x;
	struct stored *known;
	struct stat st;
	char name[64];
	const char *data;
	uint32_t n;
	int fd, err = stream_kept(s, slot, id->store);

	if (err)
		return err;
	snprintf(name, sizeof(name), "/proc/%u/fd/%u", s->ring.h->producer, id->store);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	known = stored(r, st.st_ino);
	if (!known)
		known = add_stored(r, st.st_ino, !r->bundle && is_lasting(path, id));
	n = new_ranges(known, fd, &x);
	data = n ? mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
	close(fd);
	if (data == MAP_FAILED) {
		free(x);
		return -errno;
	}
	add_stored_ranges(known, x, n);
	if (n)
		err = known->by_name ? name_ranges(r, known, id, path, data, x, n) : write_ranges(r, known, data, x, n);
	if (n)
		munmap((void *)data, st.st_size);
	free(x);
	id->store = known->number;
	return err;
}

static const struct event *renumbered(struct recorder *r, struct stream *s, int slot, const struct event *e)
{
	struct part *p;

	buf_clear(&r->event);
	buf_add(&r->event, e, e->size);
	p = event_parts((struct event *)r->event.at);
	for (uint32_t i = 0; i < e->nparts; i++, p = part_next(p)) {
		struct file_id *id = part_data(p);

		if (p->kind == PART_FILE && p->len > sizeof(*id) && id->store != ~0u)
			check(r, keep_store(r, s, slot, id, (const char *)(id + 1)), "cannot keep the bytes of a mapped file");
	}
	return (const struct event *)r->event.at;
}

void recorder_event(void *ctx, struct stream *s, int slot, const struct event *e)
{
	struct recorder *r = ctx;
	uint64_t now;

	if (e && !r->err) {
		if (event_part(e, PART_FILE, 0))
			e = renumbered(r, s, slot, e);
		if (!r->err)
			check(r, log_event(r->w, e), "cannot write the recording");
	}
	/* A clock is a system call here. */
	if ((e && e->seq % LOOK_EVENTS) || (now = now_mono()) - r->written < PATIENCE_NS)
		return;
	r->written = now;
	if (!r->err)
		check(r, log_flush(r->w), "cannot write the recording");
}
