/* writer.c - see writer.h. */
#define _GNU_SOURCE
#include "log/writer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zstd.h>

#include "log/columns.h"

/* Events are kept back until there are so many bytes of them: a chunk is compressed on its own, and small ones badly. */
#define CHUNK_BYTES (1u << 20)
/* zstd's: the fastest of its ordinary ones. A leader must not wait for its recorder. */
#define LEVEL 1

struct log_writer {
	int fd;
	int err;                /* the first that occurred */
	uint64_t end;           /* of the last whole chunk */
	ZSTD_CCtx *zstd;
	struct buf events;      /* not yet written */
	uint64_t first;         /* seq of the first of them */
	struct buf columns, packed;
	struct log_counts counts;
};

struct log_writer *log_create(const char *path)
{
	struct log_writer *w = xcalloc(1, sizeof(*w));
	struct log_header h = {LOG_MAGIC, EVENT_VERSION, 0};
	struct stat st;
	int err = 0;

	w->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	if (w->fd < 0) {
		/* A pipe that nobody reads. */
		errno = errno == ENXIO ? ESPIPE : errno;
		free(w);
		return NULL;
	}
	/* Chunks are cut off again where a disk is full. And what a program reads is not everybody's business. */
	if (fstat(w->fd, &st) == 0 && !S_ISREG(st.st_mode))
		err = ESPIPE;
	else if (fchmod(w->fd, 0600) < 0 || ftruncate(w->fd, 0) < 0)
		err = errno;
	else
		err = -write_all(w->fd, &h, sizeof(h));
	if (!err && !(w->zstd = ZSTD_createCCtx()))
		err = ENOMEM;
	if (err) {
		close(w->fd);
		free(w);
		errno = err;
		return NULL;
	}
	ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL);
	w->end = w->counts.bytes = sizeof(h);
	return w;
}

int log_writer_fd(const struct log_writer *w)
{
	return w->fd;
}

static int write_chunk(struct log_writer *w, struct log_chunk *c, const void *data, size_t len)
{
	size_t n;
	int err;

	if (w->err)
		return w->err;
	buf_clear(&w->packed);
	buf_reserve(&w->packed, ZSTD_compressBound(len));
	n = ZSTD_compress2(w->zstd, w->packed.at, w->packed.room, data, len);
	if (ZSTD_isError(n))
		return w->err = -ENOMEM;
	c->magic = LOG_CHUNK_MAGIC;
	c->packed = n;
	c->raw = len;
	c->data_hash = hash_bytes(w->packed.at, n, 0);
	c->hash = hash_bytes(c, offsetof(struct log_chunk, hash), 0);
	err = write_all(w->fd, c, sizeof(*c));
	if (!err)
		err = write_all(w->fd, w->packed.at, n);
	if (err) {
		/* Half a chunk would read as damage. */
		(void)!ftruncate(w->fd, w->end);
		return w->err = err;
	}
	w->end += sizeof(*c) + n;
	w->counts.bytes = w->end;
	return 0;
}

int log_flush(struct log_writer *w)
{
	struct log_chunk c = {.kind = CHUNK_EVENTS, .ident = w->first};
	int err;

	if (!w->events.len)
		return w->err;
	buf_clear(&w->columns);
	columns_pack(&w->columns, w->events.at, w->events.len);
	err = write_chunk(w, &c, w->columns.at, w->columns.len);
	buf_clear(&w->events);
	return err;
}

int log_event(struct log_writer *w, const struct event *e)
{
	if (w->err)
		return w->err;
	if (!w->events.len)
		w->first = e->seq;
	buf_add(&w->events, e, e->size);
	w->counts.events++;
	w->counts.raw += e->size;
	return w->events.len >= CHUNK_BYTES ? log_flush(w) : 0;
}

int log_about(struct log_writer *w, const char *json)
{
	return write_chunk(w, &(struct log_chunk){.kind = CHUNK_ABOUT}, json, strlen(json));
}

int log_store(struct log_writer *w, uint64_t store, uint64_t offset, const void *data, size_t len)
{
	w->counts.store_bytes += len;
	return write_chunk(w, &(struct log_chunk){.kind = CHUNK_STORE, .ident = store, .offset = offset}, data, len);
}

int log_file_ref(struct log_writer *w, uint64_t store, const struct file_id *id, const char *path, const struct log_range *range,
                 uint32_t nranges)
{
	struct log_file f = {*id, strlen(path) + 1, nranges};
	struct buf b = {0};
	int err;

	f.id.store = store;
	buf_add(&b, &f, sizeof(f));
	buf_add(&b, path, f.path_len);
	buf_add(&b, range, nranges * sizeof(*range));
	err = write_chunk(w, &(struct log_chunk){.kind = CHUNK_FILE, .ident = store}, b.at, b.len);
	buf_free(&b);
	return err;
}

int log_end(struct log_writer *w, const char *json)
{
	int err = log_flush(w);

	return err ? err : write_chunk(w, &(struct log_chunk){.kind = CHUNK_END}, json, strlen(json));
}

struct log_counts log_counts(const struct log_writer *w)
{
	return w->counts;
}

void log_close(struct log_writer *w)
{
	if (!w)
		return;
	close(w->fd);
	ZSTD_freeCCtx(w->zstd);
	buf_free(&w->events);
	buf_free(&w->columns);
	buf_free(&w->packed);
	free(w);
}
