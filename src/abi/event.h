/* event.h - what the leader publishes: the layout of one event.
 *
 * The bytes are the same in shared memory and in a recording. An event is a fixed header,
 * `struct event`, followed by `nparts` parts; a part is a `struct part` followed by `len` bytes,
 * padded to 8. Everything is little endian, as the machine is; there are no pointers, no
 * bit-fields and no implicit padding, so that a reader may check an event with plain arithmetic
 * (event_valid) before it believes a byte of it.
 *
 * A follower needs nothing from the leader that is not here: a replay has no leader.
 * Freestanding: nothing but the compiler's own headers.
 */
#ifndef TANDEM_EVENT_H
#define TANDEM_EVENT_H

#include <stddef.h>
#include <stdint.h>

#define EVENT_VERSION 1u

enum event_type {
	EV_START = 1,   /* a run begins: the root task, its identity, the initial descriptors */
	EV_CALL,        /* a call, entered and completed */
	EV_ENTER,       /* a call that may sleep, or before which the task gave its turn up, was entered */
	EV_LEAVE,       /* ... and has returned */
	EV_INSN,        /* an instruction that stands in for a call: rdtsc, cpuid, rdrand... */
	EV_SIGNAL,      /* a signal is delivered to the task, at this place of its path */
	EV_RUN,         /* the task goes on: a newborn's first turn, or a turn that it gets back */
	EV_DEATH,       /* the task is gone; `result` is its wait status */
	EV_MARK,        /* the root task stands where versions of other executables start to match */
	EV_STOPPED,     /* the process was stopped by a signal */
	EV_FRAGMENT,    /* more bytes of an event: args[0] its seq, args[1] their offset, args[2] which extent */
	EV_END,         /* the leader's tree is gone; `result` is the root's wait status */
	EV_PAD,         /* nothing, up to the end of the ring: only in shared memory, no seq */
	EV_STATE,       /* memory of a task that was stopped while it computed; more of it follows... */
	EV_POINT,       /* ... and the rest of it, with its registers: there it stands until EV_RUN or EV_SIGNAL */
	EV_GOES,        /* the task computes for long: followers needn't wait to hear how that ends */
	EV_TYPES
};

enum event_flags {
	EVF_RUNS     = 1,    /* the task goes on at once after this event, without waiting for a turn */
	EVF_VDSO     = 2,    /* the call came from a vDSO entry point: no system call without tandem */
	EVF_FAULT    = 4,    /* EV_SIGNAL: raised by the instruction at rip, not from outside */
	EVF_INCALL   = 8,    /* EV_SIGNAL: delivered on the way out of the call that completed before;
	                      * EV_STOPPED: at the entry of the call that comes next */
	EVF_EXEC     = 16,   /* EV_CALL: an exec that succeeded; carries PART_IMAGE */
	EVF_BIRTH    = 32,   /* EV_CALL: made a task; `other` is its number */
	EVF_MORE     = 64,   /* EV_FRAGMENTs follow */
	EVF_ASYNC    = 128,  /* EV_SIGNAL: could not be placed at a call: a follower cannot repeat it */
	EVF_GROUP    = 256,  /* EV_DEATH: the last task of its process */
	EVF_UNKNOWN  = 512,  /* a call, or a request of one, that the table does not know */
	EVF_REFUSED  = 1024, /* answered by tandem, not by the kernel */
	EVF_HANDLER  = 2048, /* EV_SIGNAL: a handler runs (else: ignored, stopped or killed) */
	EVF_INT80    = 4096, /* entered by int 0x80: the number is of the 32-bit table */
	EVF_FOREIGN  = 16384, /* EVF_EXEC: of a program that is not 64-bit: its process goes on unfollowed */
	EVF_ANSWERED = 8192, /* tandem gave the result without the kernel; every version gets it */
	EVF_TURNS    = 65536, /* others share the task's memory: it is let go only when its next event is known, since that
	                       * may be a point on its way */
	EVF_WHOLE    = 131072, /* EV_STATE, EV_POINT: followers may be past it; what no part of the writable memory names
	                       * was never written to */
	EVF_SPIN     = 262144, /* EV_POINT: the task goes round and round, and changes nothing: with these registers every
	                        * version's is where the leader's was, sooner or later */
	EVF_SKIPPED  = 32768, /* EVF_ANSWERED: the call did nothing, whatever its result says */
};

/* Instructions that stand in for calls: `call` of an EV_INSN. */
enum insn {
	INSN_NONE, INSN_RDTSC, INSN_RDTSCP, INSN_CPUID, INSN_RDRAND, INSN_RDSEED, INSN_RDPID, INSN_LSL,
	INSN_KINDS
};

struct event {
	uint64_t seq;        /* 1, 2, 3... in the order of the stream */
	uint32_t size;       /* of the whole record, in bytes; a multiple of 8 */
	uint16_t type;       /* enum event_type */
	uint16_t spare0;     /* 0 */
	uint32_t task;       /* logical number of the task, the same in every version */
	uint32_t domain;     /* tasks that share memory, or a part of it, share a domain: they take turns */
	uint32_t flags;      /* enum event_flags */
	uint32_t call;       /* system call number; EV_INSN: enum insn; EV_SIGNAL: signal number */
	uint32_t other;      /* EVF_BIRTH: the new task; EV_START and EVF_EXEC: its process id; where there are PARTF_OTHER,
	                      * the task that they are of */
	uint32_t tid;        /* the task's id as the leader's kernel numbers it */
	int64_t  result;     /* what the call returned in rax */
	uint64_t args[6];    /* EV_CALL, EV_ENTER, EV_LEAVE: the arguments at entry.
	                      * EV_INSN: the values (cpuid: eax, ebx, ecx, edx; else the first), flags, and
	                      * of cpuid what went in: leaf << 32 | subleaf */
	uint64_t entered;    /* wall clock at entry, ns since 1970 */
	uint64_t left;       /* wall clock at completion, ns since 1970 */
	uint64_t cpu;        /* CPU time of the task, ns (user and system) */
	uint32_t nparts;
	uint32_t space;      /* the task's address space */
};
_Static_assert(sizeof(struct event) == 128, "events are read by other builds");

enum part_kind {
	PART_IN = 1,     /* bytes that the call read at `addr` */
	PART_INHASH,     /* ... too many to carry: one hash_bytes per 4 KiB of them */
	PART_OUT,        /* bytes that the call, or the kernel on its behalf, wrote at `addr` */
	PART_REGS,       /* struct user_regs_struct after the event */
	PART_STACK,      /* top of the stack, from `addr` (= rsp) upwards; the last part */
	PART_SIGINFO,    /* the kernel's siginfo_t */
	PART_IMAGE,      /* struct image_map[]: the memory of a process fresh from exec */
	PART_FILE,       /* struct file_id, then its path: what a mapping or an image comes from */
	PART_NAME,       /* a name for people: `arg` says of which argument (descriptor's path) */
	PART_FDS,        /* struct fd_info[]: descriptors open at the start */
	PART_VECTORS,    /* floating point and vector registers (XSAVE), where needed */
	PART_MASK,       /* the signal mask (8 bytes) in force */
	PART_APPLY,      /* struct file_write, bytes: the call changed a file that the version has mapped */
	PART_CWD,        /* the working directory, for people */
	PART_SITES,      /* struct insn_at[]: instructions that were patched to traps */
	PART_KINDS
};

enum part_flags {
	PARTF_CUT = 1,   /* `len` bytes of `whole` are here, and no more will come */
	PARTF_ZERO = 2,  /* `whole` bytes of zeros, none of which are here */
	PARTF_OTHER = 4, /* PART_OUT: in the memory of the task `other`. One after the other they are the vector that the call
	                  * was given (process_vm_writev) */
};

struct part {
	uint16_t kind;   /* enum part_kind */
	uint8_t  arg;    /* which argument it belongs to, from 1; 0: none */
	uint8_t  flags;  /* enum part_flags */
	uint32_t len;    /* bytes that follow, less the padding */
	uint64_t addr;   /* in the leader's memory */
	uint64_t whole;  /* length of the extent; more than len when it is fragmented, hashed or cut */
};
_Static_assert(sizeof(struct part) == 24, "parts are read by other builds");

/* One mapping of a fresh image. */
enum map_kind { MAPK_ANON, MAPK_FILE, MAPK_STACK, MAPK_VDSO, MAPK_VVAR };
struct image_map {
	uint64_t start, end;   /* addresses */
	uint64_t offset;       /* in the file */
	uint32_t file;         /* MAPK_FILE: index of the PART_FILE in this event, from 0 */
	uint16_t prot;         /* PROT_* */
	uint16_t kind;         /* enum map_kind */
};
_Static_assert(sizeof(struct image_map) == 32, "images are read by other builds");

/* Which file, and where its bytes are kept (the store belongs to the stream's producer). */
struct file_id {
	uint64_t dev, ino, size;
	int64_t  mtime, ctime;     /* ns since 1970 */
	uint64_t hash;             /* hash_bytes of the kept bytes; 0: not computed */
	uint32_t mode;             /* st_mode */
	uint32_t store;            /* descriptor number in the producer; ~0: not kept */
	uint64_t from, to;         /* the kept range of offsets */
};
_Static_assert(sizeof(struct file_id) == 72, "identities are read by other builds");

struct insn_at {
	uint64_t addr;             /* in the leader's memory */
	uint8_t  len, kind;        /* kind: enum insn */
	uint8_t  bytes[22];        /* what stood there */
};
_Static_assert(sizeof(struct insn_at) == 32, "sites are read by other builds");

struct fd_info {
	uint32_t fd, mode;         /* descriptor, st_mode */
	uint64_t dev, ino;
};

/* A file that this version has mapped was changed by its own call. */
struct file_write {
	uint64_t dev, ino;
	uint64_t offset, len;      /* len == ~0: truncated to `offset` */
};

static inline struct part *event_parts(const struct event *e)
{
	return (struct part *)((char *)e + sizeof(*e));
}

static inline void *part_data(const struct part *p)
{
	return (char *)p + sizeof(*p);
}

static inline uint64_t part_space(uint64_t len)
{
	return sizeof(struct part) + ((len + 7) & ~(uint64_t)7);
}

static inline struct part *part_next(const struct part *p)
{
	return (struct part *)((char *)p + part_space(p->len));
}

/* The first part of a kind (and of an argument, unless 0), or NULL. */
static inline struct part *event_part(const struct event *e, int kind, int arg)
{
	struct part *p = event_parts(e);

	for (uint32_t i = 0; i < e->nparts; i++, p = part_next(p))
		if (p->kind == kind && (!arg || p->arg == arg))
			return p;
	return NULL;
}

/* Whether the event only tells of a signal or a stop that a task has met on its way: followers do nothing for it, and their
 * task is let go, or held back, as it was before. */
static inline int event_is_remark(const struct event *e)
{
	return (e->type == EV_SIGNAL && !(e->flags & (EVF_HANDLER | EVF_FAULT))) ||
	       (e->type == EV_STOPPED && !(e->flags & EVF_INCALL));
}

/* Whether an event whose header and `room` bytes can be read is well formed. */
static inline int event_valid(const struct event *e, uint64_t room)
{
	uint64_t at = sizeof(*e);

	if (room < sizeof(*e) || e->size > room || e->size < sizeof(*e) || e->size % 8)
		return 0;
	if (e->type == 0 || e->type >= EV_TYPES)
		return 0;
	if (e->type == EV_PAD)
		return e->nparts == 0;
	for (uint32_t i = 0; i < e->nparts; i++) {
		const struct part *p = (const struct part *)((const char *)e + at);

		if (e->size - at < sizeof(*p))
			return 0;
		if (part_space(p->len) > e->size - at)
			return 0;
		if (p->kind == 0 || p->kind >= PART_KINDS || p->arg > 6)
			return 0;
		at += part_space(p->len);
	}
	return at == e->size;
}

/* 64 bits, eight bytes at a time, FNV's multiplier: cheap, without tables; it finds accidents, not
 * attacks. Part of the format: recordings hold these. */
static inline uint64_t hash_bytes(const void *data, size_t len, uint64_t h)
{
	const unsigned char *b = (const unsigned char *)data;
	uint64_t w;

	h ^= 0xcbf29ce484222325u ^ len;
	for (; len >= 8; b += 8, len -= 8) {
		__builtin_memcpy(&w, b, 8);
		h = (h ^ w) * 0x100000001b3u;
		h ^= h >> 29;
	}
	for (; len; b++, len--)
		h = (h ^ *b) * 0x100000001b3u;
	return h ^ h >> 32;
}

#endif
