/* origins.h - the values in a recording that another run would have otherwise, and what they could have been.
 *
 * An origin is all that differs by itself, of one kind, in what one event brought into the program.
 */
#ifndef TANDEM_WHY_ORIGINS_H
#define TANDEM_WHY_ORIGINS_H

#include "log/changes.h"
#include "log/reader.h"

enum cause_kind {
	CAUSE_TIME, CAUSE_FILE_TIME, CAUSE_PID, CAUSE_TID, CAUSE_RANDOM, CAUSE_INODE, CAUSE_DIRECTORY, CAUSE_TSC, CAUSE_CPU,
	CAUSE_HOST, CAUSE_FILE,
	/* Of a whole run: nothing of the stream's is substituted. */
	CAUSE_AUXV, CAUSE_LAYOUT, CAUSE_UNINIT,
	CAUSE_KINDS
};
/* "time", "file-time"...; what it is in plain words; and what helps against it. */
extern const char *const cause_name[CAUSE_KINDS], *const cause_words[CAUSE_KINDS], *const cause_help[CAUSE_KINDS];

struct piece {
	uint32_t at, len;       /* in the event */
	uint8_t how;            /* origins.c */
	size_t old;             /* where in origins.bytes its recorded bytes are */
};

struct origin {
	uint64_t seq;
	uint64_t time;          /* wall clock then, ns */
	uint32_t key;           /* event_key; of what is of a whole run 0 */
	uint32_t first, n;      /* its pieces */
	uint8_t kind;           /* enum cause_kind */
	size_t path;            /* CAUSE_FILE: where in origins.bytes the file's path is */
	uint64_t place;          /* the caller's: those of one place in the program have the same */
};

struct origins {
	struct origin *at;      /* by seq */
	uint32_t n, room;
	struct piece *piece;
	uint32_t npieces, room_pieces;
	struct buf bytes;
	struct way *way;        /* by task */
	uint32_t nways;
	uint64_t events;
	/* While it is read. */
	struct open_file *file; /* that processes have open */
	uint32_t nfiles;
	struct buf written;     /* paths, each with its NUL, that the program changes itself */
	uint64_t now;           /* wall clock, ns, when another sample was taken */
	uint64_t seed;          /* of its random bytes */
	int32_t shift;          /* between the ids of the recording and those of another run */
};

/* 0, or -EFBIG: there are more than fit. Where the recording is damaged, what comes before. */
int origins_read(struct origins *s, struct log_reader *r);
void origins_free(struct origins *s);

/* How far a value is moved: what another run got, or would have got; a little; a day; another high bit. */
enum { AMOUNTS = 4 };
extern const char *const amount_words[AMOUNTS];

/* The substitutions for the origins `which` of `n` (indices, ascending), in *ret, whose bytes go into `room`; both to be freed. */
size_t origins_substitute(const struct origins *s, const uint32_t *which, uint32_t n, int amount, struct substitution **ret,
                          struct buf *room);

#endif
