/* format.h - the bytes of a recording: see doc/recording-format.md.
 *
 * A file header, then chunks back to back, each with a header of its own whose hash tells that it is whole. Nothing is ever
 * written twice: what a crash or a full disk leaves is a recording that ends early. Little endian, no implicit padding.
 */
#ifndef TANDEM_LOG_FORMAT_H
#define TANDEM_LOG_FORMAT_H

#include "abi/event.h"

#define LOG_MAGIC       0x316365726d646e74u    /* "tndmrec1" */
#define LOG_CHUNK_MAGIC 0x6b686374u            /* "tchk" */

struct log_header {
	uint64_t magic;
	uint32_t version;       /* EVENT_VERSION: of the events inside */
	uint32_t spare;         /* 0 */
};
_Static_assert(sizeof(struct log_header) == 16, "recordings are read by other builds");

enum chunk_kind {
	CHUNK_ABOUT = 1,        /* JSON: what was recorded, where, how */
	CHUNK_EVENTS,           /* events back to back, whole ones, through columns_pack; `ident`: seq of the first */
	CHUNK_STORE,            /* bytes of a mapped file: `ident` is the store's number, `offset` where they belong */
	CHUNK_FILE,             /* struct log_file, its path, struct log_range[]: the bytes of store `ident` are in that file */
	CHUNK_END,              /* JSON: how it ended; the last chunk of a recording that is complete */
	CHUNK_KINDS
};

struct log_chunk {
	uint32_t magic;
	uint16_t kind;          /* enum chunk_kind */
	uint16_t spare;         /* 0 */
	uint64_t ident;         /* see enum chunk_kind; else 0 */
	uint64_t offset;        /* CHUNK_STORE; else 0 */
	uint64_t packed;        /* bytes that follow: zstd, one frame */
	uint64_t raw;           /* ... and once unpacked */
	uint64_t data_hash;     /* hash_bytes of those that follow */
	uint64_t hash;          /* hash_bytes of this header up to here */
};
_Static_assert(sizeof(struct log_chunk) == 56, "recordings are read by other builds");

/* How large chunks are once unpacked, at most: pieces of stores; events, of which one may be a quarter of a ring of 8 GiB; all else. */
#define LOG_STORE_MAX  (4u << 20)
#define LOG_EVENTS_MAX (3ull << 30)
#define LOG_TEXT_MAX   (16u << 20)

struct log_range { uint64_t from, to, hash; };         /* offsets in the file; of the bytes in between */
struct log_file {
	struct file_id id;      /* as it was; `store` is the store's number, as in the chunk's header */
	uint32_t path_len;      /* with its NUL */
	uint32_t nranges;
};
_Static_assert(sizeof(struct log_file) == 80, "recordings are read by other builds");

#endif
