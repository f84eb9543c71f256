/* reader.c - see reader.h. Nothing in a file is believed before it was checked: lengths against the file's size, bytes against
 * their hash, events against event_valid. */
#define _GNU_SOURCE
#include "log/reader.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "log/columns.h"

static int read_at(int fd, void *to, size_t len, uint64_t at)
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

static int damaged(struct log_reader *r, uint64_t at, const char *what)
{
	if (!r->damage)
		r->damage = xasprintf("%s: %s at byte %" PRIu64, r->path, what, at);
	return -EBADMSG;
}

/* Only the first bad header matters: where the next one is, is not known then. */
static void list_chunks(struct log_reader *r, uint64_t size)
{
	uint32_t room = 0;
	struct log_at x;

	for (uint64_t at = sizeof(struct log_header); at < size; at = x.at + x.c.packed) {
		x.at = at + sizeof(x.c);
		if (size - at < sizeof(x.c) || read_at(r->fd, &x.c, sizeof(x.c), at)) {
			damaged(r, at, "the recording was cut off");
			return;
		}
		if (x.c.magic != LOG_CHUNK_MAGIC || x.c.hash != hash_bytes(&x.c, offsetof(struct log_chunk, hash), 0) ||
		    !x.c.kind || x.c.kind >= CHUNK_KINDS || x.c.raw > LOG_RAW_MAX) {
			damaged(r, at, "the recording is damaged");
			return;
		}
		if (size - x.at < x.c.packed) {
			damaged(r, at, "the recording was cut off");
			return;
		}
		if (r->nchunks == room) {
			room = room ? room * 2 : 64;
			r->chunk = xrealloc(r->chunk, room * sizeof(*r->chunk));
		}
		r->chunk[r->nchunks++] = x;
		if (x.c.kind == CHUNK_END) {
			r->complete = true;
			if (x.at + x.c.packed < size)
				damaged(r, x.at + x.c.packed, "something stands behind the recording's end");
			return;
		}
	}
	if (!r->complete)
		damaged(r, size, "the recording has no end: it stops");
}

static char *cannot_read(const struct log_header *h, int err)
{
	if (err == -ENODATA)
		return xstrdup("not a recording: too short");
	if (err)
		return xasprintf("cannot read: %s", err == -ESPIPE ? "not a file" : strerror(-err));
	if (h->magic != LOG_MAGIC)
		return xstrdup("not a recording of tandem's");
	if (h->version != EVENT_VERSION)
		return xasprintf("a recording of format %u; this tandem reads format %u", h->version, EVENT_VERSION);
	return h->spare ? xstrdup("the recording is damaged at byte 12") : NULL;
}

struct log_reader *log_open(const char *path, char **ret_error)
{
	struct log_reader *r = xcalloc(1, sizeof(*r));
	struct log_header h;
	struct stat st;
	char *error;
	int err = 0;

	r->path = xstrdup(path);
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (r->fd < 0 || fstat(r->fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -ESPIPE;
	else
		err = read_at(r->fd, &h, sizeof(h), 0);
	if ((error = cannot_read(&h, err))) {
		*ret_error = xasprintf("%s: %s", path, error);
		free(error);
		log_reader_close(r);
		return NULL;
	}
	list_chunks(r, st.st_size);
	return r;
}

void log_reader_close(struct log_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	buf_free(&r->events);
	free(r->chunk);
	free(r->damage);
	free(r->path);
	free(r);
}

int log_chunk_data(struct log_reader *r, uint32_t i, struct buf *out)
{
	const struct log_at *x = &r->chunk[i];
	char *packed = xmalloc(x->c.packed);
	int err = read_at(r->fd, packed, x->c.packed, x->at);
	/* Before room is made for what the header promises: a frame tells its own size. */
	bool good = !err && hash_bytes(packed, x->c.packed, 0) == x->c.data_hash &&
	            ZSTD_getFrameContentSize(packed, x->c.packed) == x->c.raw;

	if (good) {
		buf_reserve(out, x->c.raw);
		good = ZSTD_decompress(out->at + out->len, x->c.raw, packed, x->c.packed) == x->c.raw;
		if (good) {
			out->len += x->c.raw;
			out->at[out->len] = 0;
		}
	}
	free(packed);
	return good ? 0 : damaged(r, x->at, "the recording is damaged");
}

/* How long events may be once the columns are undone: a byte of those is at most 8 of an event. */
static size_t unpacked_max(size_t packed)
{
	return packed > SIZE_MAX / 16 ? SIZE_MAX : packed * 16;
}

static int next_events(struct log_reader *r)
{
	struct buf packed = {0};
	int err;

	while (r->next_chunk < r->nchunks && r->chunk[r->next_chunk].c.kind != CHUNK_EVENTS)
		r->next_chunk++;
	if (r->next_chunk == r->nchunks)
		return -ENODATA;
	buf_clear(&r->events);
	r->next_event = 0;
	err = log_chunk_data(r, r->next_chunk, &packed);
	if (!err && columns_unpack(&r->events, packed.at, packed.len, unpacked_max(packed.len)))
		err = damaged(r, r->chunk[r->next_chunk].at, "the recording is damaged");
	buf_free(&packed);
	if (!err)
		r->next_chunk++;
	return err;
}

const struct event *log_next(struct log_reader *r)
{
	const struct event *e;

	while (r->next_event == r->events.len)
		if (next_events(r)) {
			buf_clear(&r->events);
			r->next_event = 0;
			return NULL;
		}
	e = (const struct event *)(r->events.at + r->next_event);
	if (!event_valid(e, r->events.len - r->next_event) || e->type == EV_PAD || e->seq != r->last_seq + 1) {
		damaged(r, r->chunk[r->next_chunk - 1].at, "there is an event that cannot be");
		r->next_chunk = r->nchunks;
		r->next_event = r->events.len;
		return NULL;
	}
	r->next_event += e->size;
	r->last_seq = e->seq;
	return e;
}

void log_rewind(struct log_reader *r)
{
	r->next_chunk = 0;
	r->next_event = 0;
	r->last_seq = 0;
	buf_clear(&r->events);
}
