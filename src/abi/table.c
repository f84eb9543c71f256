/* table.c - the description of the system calls, expanded into rows, and the ways to find one.
 *
 * Freestanding, without pointers in the data: the agent carries it too. Finding a row takes an
 * index; a request takes a search by halves among the keys of its call, which lie apart from their
 * rows so that the search touches few cache lines.
 */
#define GRAMMAR_WORDS
#include "abi/table.h"
#include "abi/kernel_types.h"

/* How many arguments a row has: each is a 1 here, and shifts the answer into place. */
#define EIGHTH_(a, b, c, d, e, f, g, h, ...) h
#define COUNT_(...) EIGHTH_(__VA_ARGS__, 6, 5, 4, 3, 2, 1, 0)

#define ARGUMENT(...) 1
enum argument_counts {
#define SYS(nr, name, who, returns, ...) COUNT_##name = COUNT_(0, ##__VA_ARGS__),
#include "abi/syscalls.def"
#define PICK(call, key, NAME, who, returns, ...) COUNT_##call##_##NAME = COUNT_(0, ##__VA_ARGS__),
#include "abi/picks.def"
};
#undef ARGUMENT

/* Where the PICK rows of each call begin. */
enum pick_index {
#define PICKS(call, nr, argument, mask) FIRST_##call, BEFORE_##call = FIRST_##call - 1,
#define PICK(call, key, NAME, who, returns, ...) INDEX_##call##_##NAME,
#include "abi/picks.def"
	PICK_COUNT
};

enum pick_numbers {
#define PICKS(call, nr, argument, mask) NUMBER_##call = nr,
#include "abi/picks.def"
};

enum pick_group {
	GROUP_none,
#define PICKS(call, nr, argument, mask) GROUP_##call,
#include "abi/picks.def"
	GROUP_COUNT
};

#define ARGUMENT(name, kind, dir, set, cap, len) {kind, dir, set, cap, len}

static const struct row rows[] = {
#define SYS(nr, name, who, returns, ...) [nr] = {nr, who, returns, COUNT_##name, {__VA_ARGS__}},
#include "abi/syscalls.def"
};

const unsigned table_rows = sizeof(rows) / sizeof(rows[0]);

struct group {
	uint16_t first;
	uint8_t nr_arg;    /* which argument is the key; 0: the second and the third together */
	uint32_t mask;
};

/* Two more than there are: no group, and the end of the last. */
static const struct group groups[GROUP_COUNT + 1] = {
#define PICKS(call, nr, argument, mask) [GROUP_##call] = {FIRST_##call, argument, mask},
#include "abi/picks.def"
	[GROUP_COUNT] = {PICK_COUNT, 0, 0},
};

static const uint8_t group_of[] = {
#define PICKS(call, nr, argument, mask) [nr] = GROUP_##call,
#include "abi/picks.def"
};

static const uint64_t pick_keys[] = {
#define PICK(call, key, NAME, who, returns, ...) key,
#include "abi/picks.def"
};

static const struct row pick_rows[] = {
#define PICK(call, key, NAME, who, returns, ...) \
	{NUMBER_##call, who, returns, COUNT_##call##_##NAME, {__VA_ARGS__}},
#include "abi/picks.def"
};

/* Every field of every shape, in the order of shapes.def. FIELD_x_none stands for "no counter". */
enum field_index {
#define SHAPE(s) FIELDS_##s, FIELD_##s##_none = FIELDS_##s - 1,
#define MEMBER(s, m, kind, dir, set, count, is_ptr, bit) FIELD_##s##_##m,
#include "abi/shapes.def"
	FIELD_COUNT
};

static const struct field fields[] = {
#define MEMBER(s, m, kind, dir, set, count, is_ptr, bit) \
	{SHAPE_##s, offsetof(struct k_##s, m), sizeof(((struct k_##s *)0)->m), set, kind, dir, \
	 FIELD_##s##_##count - FIELDS_##s + 1, is_ptr, bit},
#include "abi/shapes.def"
};

struct shape {
	uint16_t first, size;
};

static const struct shape shapes[SHAPE_COUNT + 1] = {
#define SHAPE(s) [SHAPE_##s] = {FIELDS_##s, SHAPE_SIZE_##s},
#include "abi/shapes.def"
	[SHAPE_COUNT] = {FIELD_COUNT, 0},
};

const struct field *shape_fields(unsigned shape, unsigned *ret_count)
{
	if (shape == SHAPE_none || shape >= SHAPE_COUNT) {
		*ret_count = 0;
		return fields;
	}
	*ret_count = shapes[shape + 1].first - shapes[shape].first;
	return fields + shapes[shape].first;
}

size_t shape_size(unsigned shape)
{
	return shape < SHAPE_COUNT ? shapes[shape].size : 0;
}

const struct row *row_plain(uint32_t nr)
{
	if (nr >= table_rows || !rows[nr].who)
		return NULL;
	return &rows[nr];
}

/* The PICK row for a key, or NULL. */
static const struct row *pick_find(const struct group *g, uint64_t key)
{
	unsigned from = g[0].first, to = g[1].first;

	while (from < to) {
		unsigned mid = (from + to) / 2;

		if (pick_keys[mid] < key)
			from = mid + 1;
		else
			to = mid;
	}
	if (from < g[1].first && pick_keys[from] == key)
		return &pick_rows[from];
	return NULL;
}

/* Field by field: a whole structure may become a call of memset, and the agent has no libc. */
static const struct row *row_fill(struct row *r, uint32_t nr, unsigned who, unsigned returns, unsigned nargs)
{
	r->nr = nr;
	r->who = who;
	r->returns = (uint8_t)returns;
	r->nargs = (uint8_t)nargs;
	for (unsigned i = 0; i < 6; i++) {
		struct argument *a = &r->a[i];

		a->kind = i < nargs ? K_HEX : K_NONE;
		a->dir = D_NONE;
		a->set = 0;
		a->cap = a->len = NOLEN;
	}
	return r;
}

/* How _IOC of <asm-generic/ioctl.h> packs a request. */
enum { IOC_NR_BITS = 8, IOC_TYPE_BITS = 8, IOC_SIZE_BITS = 14, IOC_READS_MEMORY = 1, IOC_WRITES_MEMORY = 2 };

/* Families of which an encoding does not tell everything that the kernel writes: their structures
 * point at further memory, or go on past their size, or memory is shared with the device. */
static bool ioctl_is_deep(unsigned type)
{
	static const uint8_t deep[] = {
		'd', 'V', '|',          /* graphics, video, media */
		'A', 'U', 'W',          /* sound (and USB) */
		'N', 'M', 0xfd,         /* NVMe, MTD, device mapper */
		'X', 0x94,              /* XFS, btrfs */
		'b', 'i',               /* binder, IPMI */
		';', 0xae, 0xaf, 0xaa,  /* VFIO, KVM, vhost, userfaultfd */
	};

	for (unsigned i = 0; i < sizeof(deep); i++)
		if (deep[i] == type)
			return true;
	return false;
}

bool ioctl_by_encoding(uint32_t request, struct row *ret_row)
{
	unsigned type = request >> IOC_NR_BITS & 0xff;
	unsigned size = request >> (IOC_NR_BITS + IOC_TYPE_BITS) & ((1u << IOC_SIZE_BITS) - 1);
	unsigned dir = request >> (IOC_NR_BITS + IOC_TYPE_BITS + IOC_SIZE_BITS);
	struct argument *a = &ret_row->a[2];

	if (!dir || !size || ioctl_is_deep(type))
		return false;
	row_fill(ret_row, NUMBER_ioctl, ONCE, R_INT, 3);
	ret_row->a[0].kind = K_FD;
	ret_row->a[1].kind = K_ENUM;
	ret_row->a[1].set = SET_ioctl;
	a->kind = K_BUF;
	a->dir = (dir & IOC_READS_MEMORY ? D_IN : 0) | (dir & IOC_WRITES_MEMORY ? D_OUT : 0);
	a->cap = a->len = N((uint16_t)size);
	return true;
}

/* A request of ioctl that no row lists. One that carries nothing is harmless as long as its
 * argument can't be an address: then there is nothing to miss. */
static const struct row *ioctl_find(const uint64_t args[6], struct row *scratch)
{
	uint32_t request = (uint32_t)args[1];
	bool plain = request >> (IOC_NR_BITS + IOC_TYPE_BITS) == 0;

	if (ioctl_by_encoding(request, scratch))
		return scratch;
	if (plain && args[2] < 4096 && !ioctl_is_deep(request >> IOC_NR_BITS)) {
		row_fill(scratch, NUMBER_ioctl, ONCE, R_INT, 3);
		scratch->a[0].kind = K_FD;
		scratch->a[1].kind = K_ENUM;
		scratch->a[1].set = SET_ioctl;
		return scratch;
	}
	return &rows[NUMBER_ioctl];
}

#define X32_BIT 0x40000000u

const struct row *row_find(uint32_t nr, const uint64_t args[6], struct row *scratch)
{
	const struct row *r = row_plain(nr);

	/* The x32 table has other structures, and other numbers for half of it. */
	if (!r)
		return row_fill(scratch, nr, nr & X32_BIT ? REFUSE | QUICK : UNKNOWN, R_HEX, 6);
	if (!(r->who & PICKED))
		return r;

	const struct group *g = &groups[group_of[nr]];
	uint64_t key = g->nr_arg ? args[g->nr_arg - 1] & g->mask : SOCKKEY(args[1], args[2]);
	const struct row *p = pick_find(g, key);

	if (p)
		return p;
	return nr == NUMBER_ioctl ? ioctl_find(args, scratch) : r;
}

uint64_t row_arg(const struct row *row, const uint64_t args[6], unsigned i)
{
	uint64_t v = args[i - 1];

	switch (row->a[i - 1].kind) {
	case K_INT: case K_FD: case K_DFD: case K_PID: case K_SIG: case K_ENUM:
		return (uint64_t)(int64_t)(int32_t)v;
	case K_UINT: case K_UID: case K_GID: case K_DEV: case K_OCT: case K_FLAGS:
		return (uint32_t)v;
	case K_MODE:
		return (uint16_t)v;
	default:
		return v;
	}
}

bool row_uses(const struct row *row, const uint64_t args[6], unsigned i)
{
	struct len l = row->a[i - 1].cap;

	return l.op != L_IFBITS || (args[l.arg - 1] >> (l.k & 0xff) | args[l.arg - 1] >> (l.k >> 8)) & 1;
}

bool row_leaves(const struct row *row, const uint64_t args[6], unsigned i, bool memory)
{
	const struct argument *a = &row->a[i - 1];

	if (row->who & LOOKS)
		return false;
	switch (a->kind) {
	case K_PATH: case K_STR:
		/* A file that is opened is named only where it may be made. */
		for (unsigned k = 1; k <= row->nargs && row->who & NEWFD; k++)
			if (row->a[k - 1].kind == K_MODE && !row_uses(row, args, k))
				return false;
		/* fallthrough */
	case K_BUF: case K_STRV: case K_IOV: case K_MSG: case K_MMSG: case K_SOCKADDR: case K_CMSG:
		return memory && a->dir & D_IN;
	case K_ARRAY: case K_STRUCT:
		/* Times that a file is given: the only ones that come in arrays, and utime's. */
		return memory && a->dir & D_IN && (a->set == SHAPE_utimbuf || (a->kind == K_ARRAY &&
		       (a->set == SHAPE_timespec || a->set == SHAPE_timeval)));
	case K_MODE: case K_SIG: case K_UID: case K_GID:
		return !memory;
	case K_INT:
		return !memory && row->who & NORET;
	case K_OFF:
		return !memory && row->who & WRITES;
	default:
		return false;
	}
}

/* What the kernel reads of a call is short; what it writes may be long, but who reads begins near its start. */
#define NEAR 4096u

bool row_overlaps(const struct row *row, const uint64_t args[6])
{
	for (unsigned i = 0; i < row->nargs; i++) {
		if (!(row->a[i].dir & D_IN) || !args[i])
			continue;
		for (unsigned k = 0; k < row->nargs; k++)
			if (row->a[k].dir & D_OUT && args[k] && args[i] + NEAR > args[k] && args[k] + NEAR > args[i])
				return true;
	}
	return false;
}

bool row_in_place(const struct row *row)
{
	for (unsigned i = 0; i < row->nargs; i++)
		if (row->a[i].dir & D_PLACE)
			return true;
	return false;
}

bool row_needs_entry(const struct row *row)
{
	for (unsigned i = 0; i < row->nargs; i++) {
		const struct argument *a = &row->a[i];

		if ((a->dir & D_INOUT) == D_INOUT || a->kind == K_MMSG)
			return true;
		if (!(a->dir & D_OUT))
			continue;
		if (a->cap.op == L_AT0 || a->cap.op == L_SELF || a->cap.op == L_SELFN || a->kind == K_MSG)
			return true;
	}
	return false;
}
