/* grammar.h - the words in which syscalls.def, picks.def and shapes.def describe the system calls.
 *
 * Everything that must know what a call does reads one table: decoding for people, comparing,
 * copying to followers, recording, replaying. A row says who executes the call, what it returns,
 * and for each argument its kind, its direction, its capacity and its valid length after the call.
 *
 *   SYS(number, name, who, returns, arguments...)
 *   PICKS(call, number, argument, mask)                 requests of a call: which argument is the key
 *   PICK(call, key, NAME, who, returns, arguments...)   the row that replaces SYS for one request
 *
 * The key of a PICK is the request argument and'ed with the mask; for setsockopt and getsockopt it
 * is SOCKKEY(level, name).
 *
 * Lengths (struct len) are small expressions, in bytes:
 *   N(n)          the constant n                  ARG(i)      the value of argument i (from 1)
 *   RET           what the call returned          ARGN(i, n)  argument i times n
 *   RETN(n)       returned value times n          ARGS(i, s)  argument i times sizeof shape s
 *   RETS(s)       returned value times sizeof s   ARGP(i, n)  argument i plus n
 *   RETP(n)       returned value plus n           AT(i)       the int that argument i points at, as
 *   STRING        up to and including a NUL                   it is after the call (socklen_t *)
 *   NOLEN         nothing is valid                AT0(i)      the same, as it was before the call
 *   SELF(o, n)    the int at offset o of the memory itself, plus n; as a capacity: as it was
 *                 before the call (file_handle, sched_attr: structures that hold their own size)
 *   SELFN(o, n, s) the int at offset o of the memory itself times s, plus n
 *   BITS(i)       argument i in bits, rounded up to whole words: an fd_set
 *   NODES(i)      the same less one bit, as the memory policy calls count
 *   PAGES(i)      a byte for each page of argument i bytes: mincore
 *   IFPOS(n)      n if the call returned more than 0 (wait4's status)
 *   IFINTR(n)     n if the call was interrupted: EINTR or a restart code (nanosleep's remainder)
 *   IFBITS(i, x, y) 4 if argument i has bit x or bit y (clone's words; a scalar that the kernel
 *                 looks at only then: open's mode)
 * The valid length of an OUT is min(valid, capacity), and 0 where the call failed, unless the
 * argument is marked D_ALWAYS (nanosleep's remainder is written on EINTR).
 *
 * The table is used by the freestanding agent as well: its expansion holds no pointers. Names live in
 * the expansion of src/show.
 *
 * How to expand the .def files: define GRAMMAR_WORDS before including this file, define ARGUMENT
 * (every word for an argument ends in it) and SYS or PICK or PICKS, and include syscalls.def; define
 * MEMBER or SHAPE, and include shapes.def (which has its own words). What is not defined expands to nothing. For names:
 *
 *   #define ARGUMENT(name, kind, dir, set, cap, len) #name
 *   #define SYS(nr, name, who, returns, ...) [nr] = {#name, {__VA_ARGS__}},
 */
#ifndef TANDEM_GRAMMAR_H
#define TANDEM_GRAMMAR_H

#include <stddef.h>
#include <stdint.h>

/* Who executes a call. The low four bits are exclusive. */
enum who {
	ONCE    = 1,      /* the leader executes, followers receive */
	EACH    = 2,      /* every version executes it on itself */
	REFUSE  = 3,      /* nobody: answered with ENOSYS, or what makes programs fall back */
	UNKNOWN = 4,      /* no row: the leader executes it, and the report names it */
	WHO_MASK = 15,
	PICKED  = 16,     /* a second table, keyed by a request, says more */
	QUICK   = 32,     /* never sleeps */
	NEWFD   = 64,     /* makes a descriptor: returned, or in an OUT argument (pipe, socketpair) */
	NORET   = 128,    /* does not return when it succeeds: exit, exit_group, rt_sigreturn, exec */
	ENDFD   = 256,    /* closes the descriptor in argument 1 */
	MEMORY  = 512,    /* changes the address space: not compared between different builds */
	MASKS   = 1024,   /* sleeps with a temporary signal mask: sigsuspend, ppoll, pselect6... */
	VARIES  = 2048,   /* the result differs by itself from run to run: ids, times, counts */
	NORESTART = 4096, /* may return EINTR after a signal even when that is ignored: epoll_wait; a socket with a time limit */
	WRITES  = 8192,   /* changes the contents of the file behind argument 1 */
	WRITES3 = 32768,  /* ... behind argument 3, with bytes out of what argument 1 names */
	PERMS   = 16384,  /* refused (REFUSE) with EPERM rather than ENOSYS */
	LOOKS   = 65536,  /* what it is given names things, and changes nothing outside the program */
};

/* What a call returns, for decoding. */
enum returns {
	R_INT, R_LEN, R_COUNT, R_FD, R_PID, R_ADDR, R_HEX, R_OFF, R_NONE, R_OCT, R_UID, R_TIME,
	R_UINT, R_FLAGS_FD, R_FLAGS_STATUS, R_SIGNAL
};

enum kind {
	K_NONE,
	/* scalars */
	K_INT, K_UINT, K_LONG, K_ULONG, K_SIZE, K_OFF, K_HEX, K_OCT, K_MODE, K_DEV, K_UID, K_GID,
	K_FD, K_DFD, K_PID, K_SIG, K_FLAGS, K_ENUM, K_TIME, K_SECRET_SIZE,
	K_PAD,           /* an argument that the kernel ignores */
	K_ADDR,          /* an address: compared as NULL or not when layouts differ */
	K_COOKIE,        /* a version's own pointer or number, handed back by the kernel later */
	/* memory */
	K_BUF,           /* bytes */
	K_STR, K_PATH,   /* a NUL-terminated string; a path. As an OUT its length tells, not a NUL */
	K_STRV,          /* a NULL-terminated array of strings */
	K_STRUCT,        /* one structure of `shape` */
	K_ARRAY,         /* structures of `shape`, back to back */
	K_INTS,          /* an array of 32-bit ints (pipe's pair) */
	K_WORDS,         /* an array of 64-bit words */
	K_IOV,           /* struct iovec[]; the buffers have the argument's direction */
	K_MSG,           /* struct msghdr with all that hangs on it */
	K_MMSG,          /* struct mmsghdr[] */
	K_FDSET,         /* a select set */
	K_SIGSET,        /* 64-bit signal set */
	K_SOCKADDR,      /* struct sockaddr_*: decoded by family */
	K_CMSG,          /* control messages */
	K_SIGINFO,
	K_WSTATUS,       /* wait status, int */
	K_HANDLER,       /* sa_handler: SIG_DFL, SIG_IGN or an address */
	K_DIRENTS,       /* struct linux_dirent64[] */
	K_IPSTR,         /* network byte order address */
	K_CHARS,         /* char array inside a struct, up to a NUL */
	K_PORT,          /* network byte order 16 bits */
	K_SHORTS,        /* an array of 16-bit ints (semctl's values) */
	K_KINDS
};

enum dir {
	D_NONE = 0, D_IN = 1, D_OUT = 2, D_INOUT = 3,
	D_ALWAYS = 4,    /* written even when the call fails */
	D_VARIES = 8,    /* what is written differs by itself from run to run: times, ids */
	D_PLACE = 16,    /* the place matters, not only what is written there: a futex */
};

enum len_op {
	L_NONE, L_CONST, L_ARG, L_RET, L_ARGS, L_RETS, L_AT, L_AT0, L_STRING, L_SELF, L_BITS,
	L_NODES, L_PAGES, L_IFPOS, L_IFINTR, L_IFBITS, L_SELFN
};

struct len {
	uint8_t  op;     /* enum len_op */
	uint8_t  arg;    /* which argument, from 1; L_SELF, L_SELFN: what to add */
	uint16_t k;      /* constant, addend, element size, or offset; two of these, a byte each */
};

struct argument {
	uint8_t  kind;   /* enum kind */
	uint8_t  dir;    /* enum dir */
	uint16_t set;    /* K_FLAGS, K_ENUM: enum set_id (K_INTS, K_WORDS: the same, or 0);
	                  * K_STRUCT, K_ARRAY and what else is made of structures: enum shape_id */
	struct len cap;  /* of the memory: what is read (IN), what may be written (OUT) */
	struct len len;  /* what of it is valid after the call (OUT); K_IOV: of all buffers together */
};

struct row {
	uint32_t nr;
	uint32_t who;    /* enum who */
	uint8_t  returns;
	uint8_t  nargs;
	struct argument a[6];
};

/* A field of a structure. Pointers in structures say what they point at. */
struct field {
	uint16_t shape;  /* enum shape_id this field belongs to */
	uint16_t offset, size;
	uint16_t set;    /* as in struct argument */
	uint8_t  kind;   /* enum kind */
	uint8_t  dir;    /* of the pointee: as the structure's own when D_NONE. A field that is no
	                  * pointer: D_OUT if the kernel never reads it, so that it is not compared */
	uint8_t  count;  /* of a pointee: index+1 of the field that counts its elements, or 0 */
	uint8_t  is_ptr; /* the field holds a pointer to `kind` */
	uint8_t  bit;    /* 1 + the bit of the structure's first word that says it is used, or 0 */
};

enum set_id {
	SET_none,
#define SET(name) SET_##name,
#include "abi/sets.def"
	SET_COUNT
};

enum shape_id {
	SHAPE_none,
#define SHAPE(name) SHAPE_##name,
#include "abi/shapes.def"
	SHAPE_COUNT
};

/* Key of a socket option: the two arguments as one. */
#define SOCKKEY(level, name) (((uint64_t)(uint32_t)(level) << 32) | (uint32_t)(name))

#endif

/* The words proper are short, so they are given only to those who ask. */
#if defined(GRAMMAR_WORDS) && !defined(TANDEM_GRAMMAR_WORDS)
#define TANDEM_GRAMMAR_WORDS

/* Lengths. The parentheses keep their commas from the macros that they pass through. */
#define LEN_(op, arg, k) ((struct len){(op), (arg), (k)})
#define N(n)           LEN_(L_CONST, 0, n)
#define ARG(i)         LEN_(L_ARG, i, 0)
#define ARGP(i, n)     LEN_(L_ARG, i, n)
#define ARGN(i, n)     LEN_(L_ARGS, i, n)
#define ARGS(i, s)     LEN_(L_ARGS, i, SHAPE_SIZE_##s)
#define RET            LEN_(L_RET, 0, 0)
#define RETP(n)        LEN_(L_RET, 0, n)
#define RETN(n)        LEN_(L_RETS, 0, n)
#define RETS(s)        LEN_(L_RETS, 0, SHAPE_SIZE_##s)
#define AT(i)          LEN_(L_AT, i, 4)
#define AT0(i)         LEN_(L_AT0, i, 4)
#define STRING         LEN_(L_STRING, 0, 0)
#define NOLEN          LEN_(L_NONE, 0, 0)
#define SELF(off, add) LEN_(L_SELF, add, off)
#define SELFN(off, add, size) LEN_(L_SELFN, add, (off) | (size) << 8)
#define BITS(i)        LEN_(L_BITS, i, 0)
#define NODES(i)       LEN_(L_NODES, i, 0)
#define PAGES(i)       LEN_(L_PAGES, i, 0)
#define IFPOS(n)       LEN_(L_IFPOS, 0, n)
#define IFINTR(n)      LEN_(L_IFINTR, 0, n)
#define IFBITS(i, x, y) LEN_(L_IFBITS, i, (x) | (y) << 8)
#define SIZEOF(s)      LEN_(L_CONST, 0, SHAPE_SIZE_##s)

/* Scalars: the name is for people. */
#define SCALAR_(n, kind) ARGUMENT(n, kind, D_NONE, 0, NOLEN, NOLEN)
#define INT(n)         SCALAR_(n, K_INT)
#define UINT(n)        SCALAR_(n, K_UINT)
#define LONG(n)        SCALAR_(n, K_LONG)
#define ULONG(n)       SCALAR_(n, K_ULONG)
#define SIZE(n)        SCALAR_(n, K_SIZE)
#define OFF(n)         SCALAR_(n, K_OFF)
#define HEX(n)         SCALAR_(n, K_HEX)
#define OCT(n)         SCALAR_(n, K_OCT)
#define MODE(n)        SCALAR_(n, K_MODE)
#define MODEIF(n, i, x, y) ARGUMENT(n, K_MODE, D_NONE, 0, IFBITS(i, x, y), NOLEN)
#define DEV(n)         SCALAR_(n, K_DEV)
#define UID(n)         SCALAR_(n, K_UID)
#define GID(n)         SCALAR_(n, K_GID)
#define ADDRIF(n, i, x, y) ARGUMENT(n, K_ADDR, D_NONE, 0, IFBITS(i, x, y), NOLEN)
#define FD(n)          SCALAR_(n, K_FD)
#define DFD(n)         SCALAR_(n, K_DFD)
#define PID(n)         SCALAR_(n, K_PID)
#define SIG(n)         SCALAR_(n, K_SIG)
#define TIME(n)        SCALAR_(n, K_TIME)
#define PAD(n)         SCALAR_(n, K_PAD)
#define ADDR(n)        SCALAR_(n, K_ADDR)
#define COOKIE(n)      SCALAR_(n, K_COOKIE)
#define FLAGS(n, set)  ARGUMENT(n, K_FLAGS, D_NONE, SET_##set, NOLEN, NOLEN)
#define ENUM(n, set)   ARGUMENT(n, K_ENUM, D_NONE, SET_##set, NOLEN, NOLEN)

/* Memory. `dir` may carry D_ALWAYS and D_VARIES; IN, OUT, IO are the plain directions. */
#define BUF(n, dir, cap, len)          ARGUMENT(n, K_BUF, dir, 0, cap, len)
#define IN(n, len)                     BUF(n, D_IN, len, len)
#define OUT(n, cap, len)               BUF(n, D_OUT, cap, len)
#define IO(n, cap, len)                BUF(n, D_INOUT, cap, len)
#define STR(n)                         ARGUMENT(n, K_STR, D_IN, 0, STRING, STRING)
#define PATH(n)                        ARGUMENT(n, K_PATH, D_IN, 0, STRING, STRING)
#define OUTSTR(n, cap, len)            ARGUMENT(n, K_STR, D_OUT, 0, cap, len)
#define OUTPATH(n, cap, len)           ARGUMENT(n, K_PATH, D_OUT, 0, cap, len)
#define STRV(n)                        ARGUMENT(n, K_STRV, D_IN, 0, STRING, STRING)
#define STRUCTN(n, dir, s, cap, len)   ARGUMENT(n, K_STRUCT, dir, SHAPE_##s, cap, len)
#define STRUCT(n, dir, s)              STRUCTN(n, dir, s, SIZEOF(s), SIZEOF(s))
#define INS(n, s)                      STRUCT(n, D_IN, s)
#define OUTS(n, s)                     STRUCT(n, D_OUT, s)
#define IOS(n, s)                      STRUCT(n, D_INOUT, s)
#define ARRAY(n, dir, s, cap, len)     ARGUMENT(n, K_ARRAY, dir, SHAPE_##s, cap, len)
#define INA(n, s, len)                 ARRAY(n, D_IN, s, len, len)
#define OUTA(n, s, cap, len)           ARRAY(n, D_OUT, s, cap, len)
#define INTS(n, dir, cap, len)         ARGUMENT(n, K_INTS, dir, 0, cap, len)
#define INTP(n, dir)                   INTS(n, dir, N(4), N(4))
#define FLAGP(n, dir, set)             ARGUMENT(n, K_INTS, dir, SET_##set, N(4), N(4))
#define FLAGWP(n, dir, set)            ARGUMENT(n, K_WORDS, dir, SET_##set, N(8), N(8))
#define SHORTS(n, dir, cap, len)       ARGUMENT(n, K_SHORTS, dir, 0, cap, len)
#define WORDS(n, dir, cap, len)        ARGUMENT(n, K_WORDS, dir, 0, cap, len)
#define WORDP(n, dir)                  WORDS(n, dir, N(8), N(8))
#define IOV(n, dir, count, total)      ARGUMENT(n, K_IOV, dir, SHAPE_iovec, ARGS(count, iovec), total)
#define MSG(n, dir)                    ARGUMENT(n, K_MSG, dir, SHAPE_msghdr, SIZEOF(msghdr), RET)
#define MMSG(n, dir, count)            ARGUMENT(n, K_MMSG, dir, SHAPE_mmsghdr, ARGS(count, mmsghdr), RETS(mmsghdr))
#define FDSET(n, nfds)                 ARGUMENT(n, K_FDSET, D_INOUT, 0, BITS(nfds), BITS(nfds))
#define SIGSET(n, dir)                 ARGUMENT(n, K_SIGSET, dir, 0, N(8), N(8))
#define SOCKADDR(n, dir, cap, len)     ARGUMENT(n, K_SOCKADDR, dir, 0, cap, len)
#define SIGINFO(n, dir, len)           ARGUMENT(n, K_SIGINFO, dir, SHAPE_siginfo, len, len)
#define WSTATUS(n, len)                ARGUMENT(n, K_WSTATUS, D_OUT, 0, len, len)
#define DIRENTS(n, cap, len)           ARGUMENT(n, K_DIRENTS, D_OUT | D_VARIES, SHAPE_dirent64, cap, len)
#define TIMEOUT(n, dir)                STRUCT(n, dir, timespec)
#endif
