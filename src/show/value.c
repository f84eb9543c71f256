/* value.c - single numbers by their kind: flags, descriptors, modes, signals. */
#include "show/names.h"
#include "show/sets.h"
#include "show/view.h"

#define FMT 0170000u

static const char *file_type(unsigned mode)
{
	switch (mode & FMT) {
	case 0010000: return "S_IFIFO";
	case 0020000: return "S_IFCHR";
	case 0040000: return "S_IFDIR";
	case 0060000: return "S_IFBLK";
	case 0100000: return "S_IFREG";
	case 0120000: return "S_IFLNK";
	case 0140000: return "S_IFSOCK";
	default: return NULL;
	}
}

void show_mode(struct buf *out, uint64_t mode)
{
	const char *type = file_type(mode);

	if (!type) {
		put_oct(out, (uint32_t)mode, 2);
		return;
	}
	put_str(out, type);
	if (mode & 04000)
		put_lit(out, "|S_ISUID");
	if (mode & 02000)
		put_lit(out, "|S_ISGID");
	if (mode & 01000)
		put_lit(out, "|S_ISVTX");
	put_char(out, '|');
	put_oct(out, mode & 0777, 2);
}

void show_device(struct buf *out, uint64_t dev)
{
	uint64_t major = (dev >> 8 & 0xfff) | (dev >> 32 & 0xfffff000);
	uint64_t minor = (dev & 0xff) | (dev >> 12 & 0xffffff00);

	put_lit(out, "makedev(");
	put_hex(out, major);
	put_lit(out, ", ");
	put_hex(out, minor);
	put_char(out, ')');
}

static void show_path_of(struct view *v, int which)
{
	const struct part *p = event_parts(v->e);

	for (uint32_t i = 0; i < v->e->nparts; i++, p = part_next(p)) {
		const char *name = part_data(p);

		if (p->kind != PART_NAME || p->arg != which)
			continue;
		put_char(v->out, '<');
		/* Nobody's name is to look like more of the line, or like a terminal's commands. */
		for (size_t k = 0; k < p->len && name[k]; k++)
			if ((uint8_t)name[k] < ' ' || (uint8_t)name[k] > '~' || strchr("<>\\", name[k]))
				buf_printf(v->out, "\\%03o", (uint8_t)name[k]);
			else
				put_char(v->out, name[k]);
		put_char(v->out, '>');
		return;
	}
}

/* `which`: 1 to 6 an argument, 0 the returned descriptor, less than 0: nobody named it. */
void show_descriptor(struct view *v, int64_t fd, int which)
{
	put_int(v->out, fd);
	if (v->o->fd_paths && fd >= 0 && which >= 0)
		show_path_of(v, which);
}

static void show_dirfd(struct view *v, int32_t fd, int which)
{
	if (fd != -100) {
		show_descriptor(v, fd, which);
		return;
	}
	put_lit(v->out, "AT_FDCWD");
	if (v->o->fd_paths && which >= 0)
		show_path_of(v, which);
}

static void show_id(struct buf *out, uint32_t id)
{
	if (id == ~0u)
		put_lit(out, "-1");
	else
		put_uint(out, id);
}

/* A request without a name, spelled as the macro that makes it. */
static void show_ioc(struct buf *out, uint32_t request)
{
	static const char *const directions[] = {
		"_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"};

	put_lit(out, "_IOC(");
	put_str(out, directions[request >> 30]);
	put_lit(out, ", ");
	put_hex(out, request >> 8 & 0xff);
	put_lit(out, ", ");
	put_hex(out, request & 0xff);
	put_lit(out, ", ");
	put_hex(out, request >> 16 & 0x3fff);
	put_char(out, ')');
}

/* Requests that carry a number or a size in themselves: a family of names. */
static const struct {
	uint32_t from, to, step;
	const char *name;
} ioctl_families[] = {
	{0x80004506, 0xbfff4506, 0, "EVIOCGNAME"}, {0x80004507, 0xbfff4507, 0, "EVIOCGPHYS"},
	{0x80004508, 0xbfff4508, 0, "EVIOCGUNIQ"}, {0x80004509, 0xbfff4509, 0, "EVIOCGPROP"},
	{0x80004518, 0xbfff4518, 0, "EVIOCGKEY"}, {0x80004519, 0xbfff4519, 0, "EVIOCGLED"},
	{0x8000451a, 0xbfff451a, 0, "EVIOCGSND"}, {0x8000451b, 0xbfff451b, 0, "EVIOCGSW"},
};

void show_ioctl(struct buf *out, uint64_t value)
{
	uint32_t request = value;
	const char *name = set_name_of(set_by_id(SET_ioctl), request);

	for (unsigned i = 0; !name && i < countof(ioctl_families); i++)
		if ((request & 0xc000ffff) == (ioctl_families[i].from & 0xc000ffff))
			name = ioctl_families[i].name;
	if (!name) {
		show_ioc(out, request);
		return;
	}
	put_str(out, name);
}

static bool is_ipc(unsigned set)
{
	return set == SET_ipcget || set == SET_shmget;
}

/* The low nine bits are a mode: IPC_CREAT|0600. */
static void show_ipc(struct buf *out, const struct set *s, uint32_t value)
{
	if (value & ~0777u) {
		show_flags(out, s, value & ~0777u);
		put_char(out, '|');
	}
	put_oct(out, value & 0777, 2);
}

static void show_quota(struct buf *out, const struct set *s, uint32_t value)
{
	static const char *const types[] = {"USRQUOTA", "GRPQUOTA", "PRJQUOTA"};

	put_lit(out, "QCMD(");
	show_enum(out, s, value >> 8);
	put_lit(out, ", ");
	if ((value & 255) < countof(types))
		put_str(out, types[value & 255]);
	else
		put_uint(out, value & 255);
	put_char(out, ')');
}

/* Words that are an enumeration with flags or-ed in: named as flags are. */
static bool has_flags(unsigned set)
{
	switch (set) {
	case SET_flock: case SET_map: case SET_mpol: case SET_personality: case SET_sched:
	case SET_futex: case SET_futex2: case SET_socktype: case SET_msgctl: case SET_semctl:
	case SET_shmctl:
		return true;
	}
	return false;
}

static void show_set_of(struct buf *out, int kind, const struct set *s, uint64_t value)
{
	if (kind == K_ENUM)
		show_enum(out, s, value);
	else
		show_flags(out, s, value);
}

static void show_set(struct buf *out, int kind, unsigned id, uint64_t value)
{
	const struct set *s = set_by_id(id);

	if (!s)
		put_hex(out, value);
	else if (id == SET_ioctl)
		show_ioctl(out, value);
	else if (is_ipc(id))
		show_ipc(out, s, value);
	else if (id == SET_quota)
		show_quota(out, s, value);
	else if (id == SET_keyring && !set_name_of(s, value))
		put_int(out, (int32_t)value);
	else
		show_set_of(out, has_flags(id) ? K_FLAGS : kind, s, value);
}

/* CPU clocks of a process or of a descriptor are negative numbers that hold it. */
static void show_clock(struct buf *out, int32_t clock)
{
	static const char *const which[] = {"PROF", "VIRT", "SCHED"};

	if (clock >= 0) {
		show_enum(out, set_by_id(SET_clock), clock);
		return;
	}
	if ((clock & 7) == 3) {
		put_lit(out, "FD_TO_CLOCKID(");
		put_int(out, ~(clock >> 3));
	} else {
		put_str(out, clock & 4 ? "MAKE_THREAD_CPUCLOCK(" : "MAKE_PROCESS_CPUCLOCK(");
		put_int(out, ~(clock >> 3));
		put_lit(out, ", CPUCLOCK_");
		put_str(out, (clock & 3) < 3 ? which[clock & 3] : "???");
	}
	put_char(out, ')');
}

static int64_t extended(uint64_t value, unsigned size)
{
	switch (size) {
	case 1: return (int8_t)value;
	case 2: return (int16_t)value;
	case 4: return (int32_t)value;
	default: return value;
	}
}

static uint64_t cut(uint64_t value, unsigned size)
{
	return size < 8 ? value & ((1ull << size * 8) - 1) : value;
}

void show_scalar(struct view *v, int kind, unsigned set, uint64_t value, unsigned size, int which)
{
	struct buf *out = v->out;

	value = cut(value, size);
	switch (kind) {
	case K_INT:
		put_int(out, extended(value, min_of(size, 4u)));
		break;
	case K_PID: case K_LONG: case K_OFF: case K_TIME:
		put_int(out, extended(value, kind == K_PID ? min_of(size, 4u) : size));
		break;
	case K_UINT:
		put_uint(out, cut(value, min_of(size, 4u)));
		break;
	case K_ULONG: case K_SIZE: case K_SECRET_SIZE:
		put_uint(out, value);
		break;
	case K_OCT:
		put_oct(out, value, 2);
		break;
	case K_MODE:
		show_mode(out, value);
		break;
	case K_DEV:
		show_device(out, value);
		break;
	case K_UID: case K_GID:
		show_id(out, size == 2 ? (uint32_t)(int16_t)value : (uint32_t)value);
		break;
	case K_FD:
		show_descriptor(v, extended(value, min_of(size, 4u)), which);
		break;
	case K_DFD:
		show_dirfd(v, value, which);
		break;
	case K_SIG:
		show_signal(out, extended(value, min_of(size, 4u)));
		break;
	case K_ENUM: case K_FLAGS:
		if (set == SET_clock)
			show_clock(out, value);
		else
			show_set(out, kind, set, value);
		break;
	case K_ADDR:
		put_address(out, value);
		break;
	case K_HANDLER:
		if (value < 2)
			put_str(out, value ? "SIG_IGN" : "SIG_DFL");
		else
			put_hex(out, value);
		break;
	default:
		put_hex(out, value);
	}
}

void show_value(struct buf *out, int kind, unsigned set, uint64_t value)
{
	static const struct show_options plain = {.string_max = 32};
	static const struct event none = {.size = sizeof(none), .type = EV_CALL};
	struct view v = {.out = out, .e = &none, .o = &plain};

	v.cursor = event_parts(&none);
	show_scalar(&v, kind, set, value, 8, -1);
}
