/* origins.c - see origins.h. */
#define _GNU_SOURCE
#include "why/origins.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/table.h"
#include "show/names.h"
#include "why/values.h"

const char *const cause_name[CAUSE_KINDS] = {
	"time", "file-time", "pid", "tid", "random", "inode", "directory", "tsc", "cpu", "host", "file", "auxv", "layout", "uninit"
};
const char *const cause_words[CAUSE_KINDS] = {
	"the time", "a file's time", "a process id", "a thread id", "random bytes", "a file's number", "the order of a directory",
	"the time stamp counter", "the processor it runs on", "the name of the machine", "a file that somebody else changes",
	"the random bytes that a program starts with (AT_RANDOM)",
	"where in memory things lie", "memory that was never written"
};
const char *const cause_help[CAUSE_KINDS] = {
	"fix the time (SOURCE_DATE_EPOCH, faketime), or leave it out",
	"set the file's times (touch -d), or leave them out",
	"leave process ids out, or put names in their place",
	"leave thread ids out, or number the threads",
	"seed the generator with a number that is given, or leave random bytes out",
	"leave inode numbers out, and name files by their paths",
	"sort what a directory is read into",
	"measure with a clock that can be fixed, or leave it out",
	"leave it out, or pin the program to a processor (taskset)",
	"leave the name of the machine out",
	"give it a copy of the file, or keep others from changing it meanwhile",
	"seed hashes with a number that is given (PYTHONHASHSEED, PERL_HASH_SEED and the like)",
	"do not print, hash or sort by addresses; setarch -R hides it",
	"initialise it: see where with valgrind, or -fsanitize=memory",
};
const char *const amount_words[AMOUNTS] = {"another run's", "a little more", "a day later, or as far", "another high bit"};

/* How a piece is another one: as what it is read. */
enum how { HOW_SECONDS, HOW_NANO, HOW_MICRO, HOW_ID, HOW_BYTES, HOW_NUMBER, HOW_TICKS, HOW_CPU, HOW_APIC, HOW_ENTRIES, HOW_NAME, HOW_SAMPLE };

enum { DAY = 86400, FEW = 3, TASKS_MAX = 1 << 24 };

/* ---- reading ---- */

struct reading {
	struct origins *s;
	const struct event *e;
	const struct row *row;
};

static void add_piece(struct reading *g, int kind, int how, const void *where, uint32_t len)
{
	struct origins *s = g->s;
	struct origin *x = NULL;
	size_t old = s->bytes.len;

	if (!len)
		return;
	/* Of this event? Its pieces have to stand together: kinds of one event are few. */
	for (uint32_t i = s->n; i > 0 && s->at[i - 1].seq == g->e->seq && !x; i--)
		if (s->at[i - 1].kind == kind && s->at[i - 1].first + s->at[i - 1].n == s->npieces)
			x = &s->at[i - 1];
	if (!x) {
		s->at = xgrow(s->at, &s->room, s->n, sizeof(*s->at));
		x = &s->at[s->n++];
		*x = (struct origin){.seq = g->e->seq, .time = g->e->left, .key = event_key(g->e), .first = s->npieces, .kind = kind};
	}
	s->piece = xgrow(s->piece, &s->room_pieces, s->npieces, sizeof(*s->piece));
	s->piece[s->npieces++] = (struct piece){(const char *)where - (const char *)g->e, len, how, old};
	buf_add(&s->bytes, where, len);
	x->n++;
}

static bool is_stat(const struct value *v, uint32_t call)
{
	switch (call) {
	case SYS_stat: case SYS_fstat: case SYS_lstat: case SYS_newfstatat: case SYS_statx:
		return v->shape != 0;
	}
	return false;
}

/* What of a structure, or of a result, is which origin; false: none that is known. */
static bool classify(const struct reading *g, const struct value *v, int *ret_kind, int *ret_how)
{
	const char *field = v->shape ? field_name(v->shape, v->field - 1) : "";
	bool seconds = v->kind == K_TIME || !strcmp(field, "tv_sec") || (!v->shape && g->row->returns == R_TIME);
	bool part = !strcmp(field, "tv_nsec") || !strcmp(field, "tv_usec");

	if (seconds || part) {
		*ret_kind = is_stat(v, g->e->call) ? CAUSE_FILE_TIME : CAUSE_TIME;
		*ret_how = seconds ? HOW_SECONDS : field[3] == 'n' ? HOW_NANO : HOW_MICRO;
		return true;
	}
	if (strstr(field, "_ino")) {
		*ret_kind = CAUSE_INODE;
		*ret_how = HOW_NUMBER;
		return true;
	}
	if (v->kind == K_PID || (!v->shape && (g->row->returns == R_PID || v->kind == K_INTS) && g->e->call != SYS_getcpu)) {
		*ret_kind = g->e->call == SYS_gettid || g->e->call == SYS_set_tid_address ? CAUSE_TID : CAUSE_PID;
		*ret_how = HOW_ID;
		return g->row->returns == R_PID || v->kind == K_PID;
	}
	switch (g->e->call) {
	case SYS_uname:     *ret_kind = CAUSE_HOST, *ret_how = HOW_NAME; return !strcmp(field, "nodename");
	case SYS_getcpu:    *ret_kind = CAUSE_CPU, *ret_how = HOW_CPU; return true;
	case SYS_getrandom: *ret_kind = CAUSE_RANDOM, *ret_how = HOW_BYTES; return v->bytes != NULL;
	case SYS_times: case SYS_getrusage: case SYS_sysinfo:
		*ret_kind = CAUSE_TIME, *ret_how = HOW_NUMBER; return !v->bytes;
	}
	return false;
}

static void add_value(void *ctx, const struct value *v)
{
	struct reading *g = ctx;
	const void *where = v->bytes ? v->bytes : v->at;
	uint32_t len = v->bytes ? v->number : v->size;
	int kind, how;

	if (v->class != VALUE_GOT || v->nature != VALUE_ITSELF || v->hashed || !where || v->kind == K_NONE)
		return;
	/* An id that is none: 0 in a new child, -1. */
	if (classify(g, v, &kind, &how) && !(how == HOW_ID && (int32_t)v->number <= 0 && !v->bytes))
		add_piece(g, kind, how, where, len);
}

static void add_instruction(struct reading *g)
{
	const uint64_t *v = g->e->args;

	switch (g->e->call) {
	case INSN_RDTSC: case INSN_RDTSCP:
		add_piece(g, CAUSE_TSC, HOW_TICKS, &v[0], 8);
		break;
	case INSN_RDRAND: case INSN_RDSEED:
		add_piece(g, CAUSE_RANDOM, HOW_BYTES, &v[0], 8);
		break;
	case INSN_RDPID: case INSN_LSL:
		add_piece(g, CAUSE_CPU, HOW_CPU, &v[0], 8);
		break;
	case INSN_CPUID:
		/* Leaf 1 has the APIC id in the uppermost byte of ebx, the leaves for the topology have it in edx. */
		if (v[5] >> 32 == 1)
			add_piece(g, CAUSE_CPU, HOW_APIC, (const char *)&v[1] + 3, 1);
		else if (v[5] >> 32 == 0xb || v[5] >> 32 == 0x1f)
			add_piece(g, CAUSE_CPU, HOW_APIC, &v[3], 4);
		break;
	}
}

/* ---- files ---- */

/* What a process has opened on a descriptor, and how far it was read there. Of what it was born with nothing is known. */
struct open_file {
	uint32_t space, fd;     /* event.space stands for the process */
	char *path;             /* NULL: closed */
	uint64_t offset;
	bool random;
	bool moved;             /* it was not read from its beginning on: nothing is known of where */
};

static struct open_file *find_file(const struct origins *s, uint32_t space, uint64_t fd)
{
	for (uint32_t i = 0; i < s->nfiles; i++)
		if (s->file[i].path && s->file[i].space == space && s->file[i].fd == fd)
			return &s->file[i];
	return NULL;
}

static struct open_file *free_file(struct origins *s)
{
	uint32_t i = 0;

	while (i < s->nfiles && s->file[i].path)
		i++;
	s->file = xgrow(s->file, &s->nfiles, i, sizeof(*s->file));
	return &s->file[i];
}

/* Paths that the program itself opens to write, makes, renames or removes: what is in those now was not there then. */
static void note_written(struct reading *g)
{
	const struct part *p = event_parts(g->e);
	bool opens = g->row->who & NEWFD;

	if (g->row->who & LOOKS || g->e->call == SYS_execve)
		return;
	for (uint32_t i = 0; i < g->e->nparts; i++, p = part_next(p)) {
		uint64_t flags = p->arg && p->arg < 6 ? g->e->args[p->arg] : 0;

		if (p->kind == PART_IN && p->arg && g->row->a[p->arg - 1].kind == K_PATH && (!opens || (flags & O_ACCMODE) != O_RDONLY))
			buf_add(&g->s->written, part_data(p), p->len);
	}
}

static bool is_written(const struct origins *s, const char *path)
{
	for (size_t at = 0; at < s->written.len; at += strlen(s->written.at + at) + 1)
		if (!strcmp(s->written.at + at, path))
			return true;
	return false;
}

static void note_descriptors(struct reading *g)
{
	const struct event *e = g->e;
	const struct part *path = event_part(e, PART_IN, e->call == SYS_open ? 1 : 2);
	uint64_t fd = e->call == SYS_close ? e->args[0] : (uint64_t)e->result;
	struct open_file *f;

	if (e->call == SYS_lseek || e->call == SYS_readv || e->call == SYS_sendfile || e->call == SYS_copy_file_range)
		for (int i = 0; i < 2; i++)
			if ((f = find_file(g->s, e->space, e->args[i])))
				f->moved = true;
	if ((e->call != SYS_open && e->call != SYS_openat && e->call != SYS_close) || fd > INT32_MAX)
		return;
	if ((f = find_file(g->s, e->space, fd))) {
		free(f->path);
		*f = (struct open_file){0};
	}
	if (e->call == SYS_close || !path || !path->len)
		return;
	f = free_file(g->s);
	*f = (struct open_file){.space = e->space, .fd = fd, .path = xstrdup(part_data(path))};
	f->random = !strcmp(f->path, "/dev/urandom") || !strcmp(f->path, "/dev/random");
}

/* The kernel's own files have no times that tell. */
static bool has_changed(const char *path, const struct stat *st, uint64_t since)
{
	uint64_t changed = st->st_ctim.tv_sec * 1000000000ull + st->st_ctim.tv_nsec;

	return changed > since || !strncmp(path, "/proc/", 6) || !strncmp(path, "/sys/", 5);
}

/* The same bytes of the file as they are now; false: there are none, or it was not changed since then. What is not a file, or is not
 * named from the root, is not opened. */
static bool sample_file(const char *path, uint64_t since, uint64_t offset, uint8_t *to, uint32_t len)
{
	struct stat st;
	bool ok = false;
	int fd = *path == '/' && stat(path, &st) == 0 && S_ISREG(st.st_mode) && has_changed(path, &st, since) ?
	         open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

	if (fd >= 0) {
		ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && read_all_at(fd, to, len, offset) == 0;
		close(fd);
	}
	return ok;
}

static void add_read(struct reading *g, const struct part *out)
{
	struct origins *s = g->s;
	uint64_t fd = g->e->args[0];
	struct open_file *f = find_file(s, g->e->space, fd);
	uint8_t *now;

	if (!f)
		return;
	if (f->random) {
		add_piece(g, CAUSE_RANDOM, HOW_BYTES, part_data(out), out->len);
		return;
	}
	now = xmalloc(out->len);
	if (!f->moved && !(g->e->flags & EVF_MORE) && sample_file(f->path, g->e->left, f->offset, now, out->len) && memcmp(now, part_data(out), out->len)) {
		/* What is there now stands behind what was there then. */
		add_piece(g, CAUSE_FILE, HOW_SAMPLE, part_data(out), out->len);
		buf_add(&s->bytes, now, out->len);
		s->at[s->n - 1].path = s->bytes.len;
		buf_add(&s->bytes, f->path, strlen(f->path) + 1);
	}
	f->offset += g->e->result;
	free(now);
}

static void add_call(struct reading *g)
{
	struct row scratch;
	struct ids none = {0};
	const struct part *out;

	g->row = row_find(g->e->call, g->e->args, &scratch);
	note_descriptors(g);
	if (g->e->type == EV_ENTER || g->e->flags & (EVF_EXEC | EVF_INT80))
		return;
	note_written(g);
	out = event_part(g->e, PART_OUT, 2);
	if (g->e->call == SYS_read && out)
		add_read(g, out);
	else if (g->e->call == SYS_getdents64 && out)
		add_piece(g, CAUSE_DIRECTORY, HOW_ENTRIES, part_data(out), out->len);
	values_of(g->e, &none, add_value, g);
}

static void add_step(struct reading *g)
{
	struct origins *s = g->s;
	const struct event *e = g->e;
	struct way *w;
	struct row scratch;
	const struct row *row = row_find(e->call, e->args, &scratch);
	struct way_step x = {.seq = e->seq, .call = e->call, .fd = -1};

	s->way = xgrow(s->way, &s->nways, e->task, sizeof(*s->way));
	w = &s->way[e->task];
	if (row->nargs && row->a[0].kind == K_FD)
		x.fd = e->args[0];
	x.turns = e->flags & (EVF_BIRTH | EVF_EXEC) || row->who & NORET;
	for (unsigned i = 1; i <= row->nargs; i++)
		x.leaves |= (e->args[i - 1] && row_leaves(row, e->args, i, true)) ||
		            (row_uses(row, e->args, i) && row_leaves(row, e->args, i, false));
	w->step = xgrow(w->step, &w->room, w->n, sizeof(*w->step));
	w->step[w->n++] = x;
}

/* Which number a process gets here and now. */
static pid_t fresh_pid(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return pid;
}

/* Samples of files that the program has changed itself, wherever in the recording, are none. */
static void drop_own_files(struct origins *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		bool own = s->at[i].kind == CAUSE_FILE && is_written(s, s->bytes.at + s->at[i].path);

		if (!own)
			s->at[n++] = s->at[i];
	}
	s->n = n;
}

static void take_sample(struct origins *s, const struct event *start)
{
	pid_t pid = fresh_pid();

	s->now = now_wall();
	if (getrandom(&s->seed, sizeof(s->seed), GRND_NONBLOCK) < 0)
		s->seed = s->now;
	s->shift = pid > 0 && start ? pid - (int32_t)start->tid : FEW;
	if (!s->shift)
		s->shift = FEW;
}

int origins_read(struct origins *s, struct log_reader *r)
{
	struct reading g = {.s = s};

	memset(s, 0, sizeof(*s));
	log_rewind(r);
	while ((g.e = log_next(r))) {
		s->events++;
		if (s->n > UINT32_MAX / 2 || s->bytes.len > 1ull << 30 || g.e->task > TASKS_MAX)
			return -EFBIG;
		if (g.e->type == EV_START && !s->now)
			take_sample(s, g.e);
		if (g.e->type == EV_CALL || g.e->type == EV_ENTER)
			add_step(&g);
		if (g.e->type == EV_INSN)
			add_instruction(&g);
		else if (g.e->type == EV_CALL || g.e->type == EV_ENTER || g.e->type == EV_LEAVE)
			add_call(&g);
	}
	drop_own_files(s);
	return 0;
}

void origins_free(struct origins *s)
{
	for (uint32_t i = 0; i < s->nways; i++)
		free(s->way[i].step);
	free(s->way);
	for (uint32_t i = 0; i < s->nfiles; i++)
		free(s->file[i].path);
	free(s->file);
	buf_free(&s->written);
	free(s->at);
	free(s->piece);
	buf_free(&s->bytes);
}

/* ---- other values ---- */

static uint64_t other_number(const struct origins *s, const struct origin *x, int how, int amount, uint64_t n)
{
	uint64_t since = max_of(s->now - min_of(s->now, x->time), (uint64_t)1000000);
	static const uint64_t seconds[AMOUNTS] = {0, 1, DAY, 1u << 29}, ticks[AMOUNTS] = {0, 3000000001, DAY * 3000000001ull, 1ull << 60},
	                      ids[AMOUNTS] = {0, 1, 1000, 1 << 18}, numbers[AMOUNTS] = {17, 1, 4096, 1 << 24},
	                      cpus[AMOUNTS] = {1, 1, 2, 64};

	switch (how) {
	case HOW_SECONDS: return n + (amount ? seconds[amount] : since / 1000000000 + 1);
	case HOW_NANO:    return amount ? n : (n + since % 1000000000 / 2 + 7) % 1000000000;
	case HOW_MICRO:   return amount ? n : (n + since / 1000 % 1000000 / 2 + 7) % 1000000;
	case HOW_TICKS:   return n + (amount ? ticks[amount] : since * 3 + 1);
	case HOW_ID:      return (int32_t)n <= 0 ? n : amount < 3 ? max_of((int64_t)n + (amount ? (int64_t)ids[amount] : s->shift), 2) : n ^ ids[3];
	case HOW_CPU:     return amount < 2 ? n ^ cpus[amount] : n + cpus[amount];
	case HOW_APIC:    return n ^ cpus[amount];
	default:          return amount < 3 ? n + numbers[amount] : n ^ numbers[3];
	}
}

/* The entries, the last first; or those of the second half first. */
static void other_order(uint8_t *to, const uint8_t *from, uint32_t len, int amount)
{
	enum { RECLEN = 16, NAME = 19 };
	uint32_t n = 0, room = 64, *start = xmalloc(room * sizeof(*start)), at = 0, k;
	uint16_t size;

	while (len - at >= NAME) {
		memcpy(&size, from + at + RECLEN, sizeof(size));
		if (size < NAME || size > len - at)
			break;
		if (n + 1 >= room)
			start = xrealloc(start, (room *= 2) * sizeof(*start));
		start[n++] = at;
		at += size;
	}
	start[n] = at;
	memcpy(to, from, len);
	for (uint32_t i = 0, out = 0; i < n; i++) {
		k = amount & 1 ? (i + n / 2) % n : n - 1 - i;
		memcpy(to + out, from + start[k], start[k + 1] - start[k]);
		out += start[k + 1] - start[k];
	}
	free(start);
}

/* The same ones whenever they are asked for: replays are compared with each other. */
static void other_bytes(uint64_t seed, uint8_t *to, const uint8_t *from, uint32_t len, int amount)
{
	for (uint32_t i = 0; i < len; i++)
		switch (amount) {
		case 0:  to[i] = rng_next(&seed) >> 32; break;
		case 1:  to[i] = ~from[i]; break;
		case 2:  to[i] = from[i] + 1; break;
		default: to[i] = 0;
		}
}

static void other_piece(const struct origins *s, const struct origin *x, const struct piece *p, int amount, uint8_t *to)
{
	const uint8_t *from = (const uint8_t *)s->bytes.at + p->old;
	uint64_t n = 0;

	if (p->how == HOW_SAMPLE) {
		memcpy(to, from + p->len, p->len);
	} else if (p->how == HOW_NAME) {
		memcpy(to, from, p->len);
		/* As long as before, and still a name. */
		to[0] = from[0] == 'a' + amount ? 'z' : 'a' + amount;
	} else if (p->how == HOW_BYTES) {
		other_bytes(s->seed ^ (x->seq * 0x9e3779b97f4a7c15u + p->at + 1), to, from, p->len, amount);
	} else if (p->how == HOW_ENTRIES) {
		other_order(to, from, p->len, amount);
	} else {
		must(p->len <= 8);
		memcpy(&n, from, p->len);
		n = other_number(s, x, p->how, amount, n);
		memcpy(to, &n, p->len);
	}
}

static int by_position(const void *a, const void *b)
{
	const struct substitution *x = a, *y = b;

	return x->seq != y->seq ? (x->seq < y->seq ? -1 : 1) : x->at < y->at ? -1 : x->at > y->at;
}

size_t origins_substitute(const struct origins *s, const uint32_t *which, uint32_t n, int amount, struct substitution **ret,
                          struct buf *room)
{
	size_t pieces = 0, bytes = 0, k = 0;
	struct substitution *list;

	for (uint32_t i = 0; i < n; i++) {
		const struct origin *x = &s->at[which[i]];

		for (uint32_t j = 0; j < x->n; j++)
			bytes += s->piece[x->first + j].len;
		pieces += x->n;
	}
	list = xcalloc(pieces + 1, sizeof(*list));
	buf_clear(room);
	/* At once: the bytes must stay where they are. */
	buf_add(room, "", 1);
	room->at = xrealloc(room->at, room->room = bytes + 1);
	room->len = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct origin *x = &s->at[which[i]];

		for (uint32_t j = 0; j < x->n; j++) {
			const struct piece *p = &s->piece[x->first + j];
			uint8_t *to = (uint8_t *)room->at + room->len;

			other_piece(s, x, p, amount, to);
			room->len += p->len;
			list[k++] = (struct substitution){x->seq, p->at, p->len, to};
		}
	}
	qsort(list, k, sizeof(*list), by_position);
	*ret = list;
	return k;
}
