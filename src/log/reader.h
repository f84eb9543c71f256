/* reader.h - a recording is read, whatever state it is in.
 *
 * Opening reads the headers of all chunks; what comes behind the first one that is not whole does not count, and `damage` says
 * what is wrong and where. Data is read, checked and unpacked chunk by chunk.
 */
#ifndef TANDEM_LOG_READER_H
#define TANDEM_LOG_READER_H

#include "base/base.h"
#include "log/format.h"

struct log_at { uint64_t at; struct log_chunk c; };    /* where the packed bytes are */

struct log_reader {
	char *path;
	int fd;
	struct log_at *chunk;
	uint32_t nchunks;
	bool complete;          /* it has its CHUNK_END */
	char *damage;           /* for people; NULL: none was seen so far */
	/* Where log_next is. */
	uint32_t next_chunk;
	struct buf events;
	size_t next_event;
	uint64_t last_seq;
	uint32_t last_task;     /* the highest number... */
	uint64_t known_seq;     /* ... in the events up to this one, which have been read */
};

/* NULL, and *ret_error a line for people (to be freed). */
struct log_reader *log_open(const char *path, char **ret_error);
void log_reader_close(struct log_reader *r);

/* The unpacked bytes of chunk `i`, appended to `out`. 0, or -EBADMSG: r->damage tells. */
int log_chunk_data(struct log_reader *r, uint32_t i, struct buf *out);
/* The next event, checked with event_valid, or NULL at the end or at damage. It stays valid until the next call. */
const struct event *log_next(struct log_reader *r);
/* Begin anew. */
void log_rewind(struct log_reader *r);
/* The event of that number, as log_next gives it, and goes on behind it; NULL: there is none, or damage. What lies in the chunk that
 * was read last costs no unpacking. */
const struct event *log_seek(struct log_reader *r, uint64_t seq);

#endif
