/* store.c - see store.h. */
#define _GNU_SOURCE
#include "monitor/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/proc.h"
#include "monitor/copier.h"
#include "monitor/given.h"
#include "monitor/publish.h"
#include "monitor/written.h"
#include "show/names.h"

/* Kept files beyond this many are forgotten, the longest unused first, once all followers have passed. */
#define STORE_MAX 512

struct range { uint64_t from, to; };

struct kept {
	struct file_id id;
	struct range *range;
	int nrange;
	uint64_t last_pos;     /* of the stream, when it was last named */
	bool hot;              /* was changed so shortly before that its times may not tell of another change */
	bool mapped;           /* ... or somebody writes to it by a mapping, which need not change them at all */
};

/* Longer writes into mapped files do not reach followers. */
#define APPLY_MAX (4 << 20)

/* Time stamps are as coarse as the kernel's tick. */
#define HOT_NS 50000000

static struct kept *kept[STORE_MAX];
static int nkept;
static uint64_t generation;    /* grows with each mapping of a file */

static int64_t stamp(const struct timespec *t)
{
	return t->tv_sec * 1000000000ll + t->tv_nsec;
}

static bool same(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime &&
	       a->ctime == b->ctime;
}

static bool is_hot(const struct file_id *id)
{
	return (int64_t)now_wall() - max_of(id->ctime, id->mtime) < HOT_NS;
}

uint64_t file_state(const struct file_id *id)
{
	const uint64_t v[3] = {id->size, id->mtime, id->ctime};

	return is_hot(id) ? 0 : hash_bytes(v, sizeof(v), 0) | 1;
}

static void forget(int i)
{
	close(kept[i]->id.store);
	free(kept[i]->range);
	free(kept[i]);
	kept[i] = kept[--nkept];
}

/* The oldest that no consumer at `slowest` or behind can still ask for; *ret_busy: some are only not complete yet. -1: none. */
static int oldest_before(uint64_t slowest, bool *ret_busy)
{
	int oldest = -1;

	*ret_busy = false;
	for (int i = 0; i < nkept; i++) {
		if (kept[i]->last_pos >= slowest)
			continue;
		if (copier_busy(kept[i]->id.store))
			*ret_busy = true;
		else if (oldest < 0 || kept[i]->last_pos < kept[oldest]->last_pos)
			oldest = i;
	}
	return oldest;
}

/* Make room, which may mean to wait for the slowest follower, as for room in the stream. False: all is of the event that is
 * being built. */
static bool make_room(struct monitor *m)
{
	uint64_t since = 0;

	for (;;) {
		uint64_t head = m->s->ring.h->head;
		int who;
		uint64_t slowest = ring_slowest(&m->s->ring, head, &who);
		bool busy;
		int oldest = oldest_before(slowest, &busy);

		if (oldest >= 0) {
			forget(oldest);
			return true;
		}
		if (slowest == head && !busy)
			return false;
		stream_wait(m->s, "no more mapped files can be kept", slowest == head ? -1 : who, &since);
	}
}

static int find(struct monitor *m, const struct file_id *id, bool mapped, struct kept **ret)
{
	struct kept *k;
	int fd, err;

	generation++;
	/* What is written by a mapping need not change a file's times. */
	mapped |= file_is_mapped(m, id->dev, id->ino, MAPPED_TO_WRITE);
	for (int i = 0; i < nkept; i++)
		mapped |= kept[i]->mapped && kept[i]->id.dev == id->dev && kept[i]->id.ino == id->ino;
	for (int i = 0; i < nkept; i++)
		/* Ranges of one event were read at one moment. */
		if (((!kept[i]->hot && !mapped) || kept[i]->last_pos == m->s->ring.h->head) && same(&kept[i]->id, id)) {
			kept[i]->mapped |= mapped;
			*ret = kept[i];
			return 0;
		}
	if (nkept == STORE_MAX && !make_room(m))
		return -ENOSPC;
	do
		fd = memfd_create("tandem-file", MFD_CLOEXEC);
	while (fd < 0 && errno == EMFILE && make_room(m));
	/* Low numbers belong to nobody here, but a leader's child inherits none either way. */
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, page_up(id->size)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	k = xcalloc(1, sizeof(*k));
	k->id = *id;
	k->id.store = fd;
	k->hot = is_hot(id);
	k->mapped = mapped;
	*ret = kept[nkept++] = k;
	return 0;
}

static bool covered(const struct kept *k, uint64_t from, uint64_t to)
{
	for (int i = 0; i < k->nrange; i++)
		if (k->range[i].from <= from && k->range[i].to >= to)
			return true;
	return false;
}

/* Copies of less than this are made at once. */
#define LATER_MIN (256u << 10)

/* Copy one range of the file out of the leader's memory, or have it copied later. What lies beyond the end of
 * the file can't be read, and needn't be. */
static int copy_range(struct kept *k, struct task *t, uint64_t addr, uint64_t from, uint64_t to, bool later)
{
	uint64_t end = page_up(k->id.size);
	static char buffer[1024 * 1024];
	size_t n;

	if (to > end)
		to = end;
	if (from >= to || covered(k, from, to))
		return 0;
	later = later && to - from >= LATER_MIN && copier_add(t, &k->id, addr, from, to);
	/* By way of a buffer that stays in the cache: writing to a fresh mapping would fault for each page. */
	for (uint64_t done = from; done < to && !later; done += n) {
		n = guest_read_some(t, addr + (done - from), buffer, min_of(to - done, sizeof(buffer)));
		if (!n || pwrite(k->id.store, buffer, n, done) != (ssize_t)n)
			break;
	}
	k->range = xrealloc(k->range, (k->nrange + 1) * sizeof(*k->range));
	k->range[k->nrange++] = (struct range){from, to};
	return 0;
}

int store_keep(struct monitor *m, struct task *t, const char *stat_path, uint64_t addr, uint64_t len,
               uint64_t offset, enum store_how how, struct file_id *ret)
{
	struct stat st;
	struct kept *k = NULL;
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->store = ~0u;
	if (stat(stat_path, &st) < 0)
		return -errno;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	ret->size = st.st_size;
	ret->mtime = stamp(&st.st_mtim);
	ret->ctime = stamp(&st.st_ctim);
	ret->mode = st.st_mode;
	ret->from = offset;
	ret->to = offset + len;
	if (!config_followed(m->cfg) || !S_ISREG(st.st_mode))
		return 0;
	if ((err = find(m, ret, how == STORE_MAPPED, &k)))
		return err;
	if ((err = copy_range(k, t, addr, offset, offset + len, how == STORE_LATER && !k->mapped)))
		return err;
	k->last_pos = m->s->ring.h->head;
	ret->store = k->id.store;
	return 0;
}

int store_keep_memory(struct monitor *m, struct task *t, const struct mapping *map, struct file_id *ret)
{
	uint64_t end = map->offset + (map->end - map->start);
	struct kept *k;
	int err;

	*ret = (struct file_id){.dev = map->dev, .ino = map->ino, .size = end, .store = ~0u, .mode = S_IFREG | 0600,
	                        .from = map->offset, .to = end};
	if (!config_followed(m->cfg))
		return 0;
	if ((err = find(m, ret, true, &k)) || (err = copy_range(k, t, map->start, map->offset, end, false)))
		return err;
	k->last_pos = m->s->ring.h->head;
	ret->store = k->id.store;
	return 0;
}

int store_of(struct monitor *m, const struct mapping *map)
{
	for (int i = 0; i < nkept; i++)
		if (kept[i]->id.dev == map->dev && kept[i]->id.ino == map->ino &&
		    kept[i]->last_pos == m->s->ring.h->head &&
		    covered(kept[i], map->offset, min_of(map->offset + (map->end - map->start), page_up(kept[i]->id.size))))
			return copier_busy(kept[i]->id.store) ? -1 : (int)kept[i]->id.store;
	return -1;
}

void store_publish(struct monitor *m, const struct file_id *id, const char *path, int arg)
{
	size_t n = strlen(path) + 1;
	char *at = publish_part(m, PART_FILE, arg, 0, NULL, sizeof(*id) + n);

	memcpy(at, id, sizeof(*id));
	memcpy(at + sizeof(*id), path, n);
}

static void publish_fd_name(struct monitor *m, struct task *t, int arg, int fd)
{
	char link[64], name[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", t->tid, fd);
	n = readlink(link, name, sizeof(name) - 1);
	if (n <= 0)
		return;
	name[n] = 0;
	publish_part(m, PART_NAME, arg, fd, name, n + 1);
}

void store_fd_names(struct monitor *m, struct task *t, int64_t result)
{
	for (int i = 0; i < t->row->nargs; i++)
		if ((t->row->a[i].kind == K_FD || t->row->a[i].kind == K_DFD) && (int)t->args[i] >= 0)
			publish_fd_name(m, t, i + 1, t->args[i]);
	if (t->row->returns == R_FD && result >= 0)
		publish_fd_name(m, t, 0, result);
}

/* ---- calls that change a mapped file ---- */

/* Whether the descriptor names a file that somebody has mapped. Remembered per process that it is none,
 * since looking costs as much as a small write. */
static bool names_mapped(const struct monitor *m, const struct task *t, int fd, struct stat *st)
{
	uint64_t bit = 1ull << (fd & 63);
	struct process *p = t->p;

	if (p->fd_generation != generation) {
		memset(p->fdknown, 0, sizeof(p->fdknown));
		p->fd_generation = generation;
	}
	if (fd < 0 || (fd < 1024 && p->fdknown[fd / 64] & bit))
		return false;
	if (!task_stat_fd(t, fd, st))
		return false;
	if (S_ISREG(st->st_mode) && file_is_mapped(m, st->st_dev, st->st_ino, MAPPED_ANYHOW))
		return true;
	if (fd < 1024)
		p->fdknown[fd / 64] |= bit;
	return false;
}

void store_forget_fds(struct task *t, int64_t result)
{
	struct process *p = t->p;
	int fd = t->row->who & ENDFD ? (int)t->args[0] : (int)result;

	switch (t->nr) {
	case SYS_pipe: case SYS_pipe2: case SYS_socketpair: case SYS_recvmsg: case SYS_recvmmsg: case SYS_close_range:
		memset(p->fdknown, 0, sizeof(p->fdknown));
		return;
	}
	if (t->row->who & (NEWFD | ENDFD) && fd >= 0 && fd < 1024)
		p->fdknown[fd / 64] &= ~(1ull << (fd & 63));
}

static int64_t file_position(struct task *t, int fd)
{
	char name[32], text[256];
	const char *at;

	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	proc_text(t->tid, name, text, sizeof(text));
	return (at = proc_line(text, "pos")) ? strtoll(at, NULL, 10) : -1;
}

static void publish_write(struct monitor *m, struct task *t, const struct stat *st, int64_t offset, uint64_t len)
{
	struct file_write w = {st->st_dev, st->st_ino, offset, len};
	struct buf bytes = {0};

	buf_add(&bytes, &w, sizeof(w));
	call_written(t, len, &bytes);
	publish_part(m, PART_APPLY, 0, 0, bytes.at, bytes.len);
	buf_free(&bytes);
}

/* ---- calls that move bytes from descriptor to descriptor ---- */

/* So much at a time of what goes to the standard output, when that is recorded. */
#define MOVE_MAX (1u << 20)

/* Their arguments, from 0: the two descriptors, and where pointers to offsets are (-1: it has none); how many bytes. */
struct mover { int nr, in, in_at, out, out_at, len; };

static const struct mover *mover(int nr)
{
	static const struct mover movers[] = {
		{SYS_sendfile, 1, 2, 0, -1, 3}, {SYS_splice, 0, 1, 2, 3, 4}, {SYS_copy_file_range, 0, 1, 2, 3, 4}};

	for (size_t i = 0; i < countof(movers); i++)
		if (movers[i].nr == nr)
			return &movers[i];
	return NULL;
}

/* Where in the file behind argument fd_arg the bytes began: both the word and the file's position are behind them now. */
static int64_t moved_from(struct task *t, int fd_arg, int at_arg, int64_t moved)
{
	int64_t at;

	if (at_arg < 0 || !t->args[at_arg])
		at = file_position(t, t->args[fd_arg]);
	else if (guest_read(t, t->args[at_arg], &at, sizeof(at)))
		return -1;
	return at - moved;
}

/* Bytes of a file that t has open, by its own descriptor: to open the file once more could be seen from outside. */
static bool read_open_file(struct task *t, int fd, int64_t at, char *to, uint64_t len)
{
	int process = syscall(SYS_pidfd_open, t->p->pid, 0), file;
	struct stat own, its;
	bool good = false;

	if (process < 0)
		return false;
	file = syscall(SYS_pidfd_getfd, process, fd, 0);
	close(process);
	if (file < 0)
		return false;
	/* A thread may have descriptors of its own. */
	if (at >= 0 && fstat(file, &own) == 0 && task_stat_fd(t, fd, &its) && S_ISREG(own.st_mode) && own.st_dev == its.st_dev &&
	    own.st_ino == its.st_ino)
		good = pread(file, to, len, at) == (ssize_t)len;
	close(file);
	return good;
}

/* The bytes are in the file now, or still where they came from; one of the two can be read, unless they came through a pipe. */
static bool publish_moved(struct monitor *m, struct task *t, const struct stat *st, int64_t len)
{
	const struct mover *mv = mover(t->nr);
	int64_t to = moved_from(t, mv->out, mv->out_at, len), from = moved_from(t, mv->in, mv->in_at, len);
	char *data = xmalloc(len);
	/* Where in a file is to be known; a pipe or a terminal has no places. */
	bool good = (to >= 0 || !S_ISREG(st->st_mode)) && (read_open_file(t, t->args[mv->out], to, data, len) ||
	                                                  read_open_file(t, t->args[mv->in], from, data, len));

	if (good) {
		struct file_write *w = publish_part(m, PART_APPLY, 0, 0, NULL, sizeof(*w) + len);

		*w = (struct file_write){st->st_dev, st->st_ino, max_of(to, (int64_t)0), len};
		memcpy(w + 1, data, len);
	}
	free(data);
	return good;
}

/* The standard output of a program that is recorded: a replay has to print what was never in the program's memory. */
static bool moves_to_output(const struct monitor *m, const struct task *t)
{
	const struct mover *mv = m->given ? mover(t->nr) : NULL;

	return mv && !(t->call_flags & EVF_INT80) && given_which(m->given, t->id, (int)t->args[mv->out]);
}

/* Such a call may always move less than it was asked to. */
void store_prepare_move(struct monitor *m, struct task *t)
{
	int i;

	if (!moves_to_output(m, t))
		return;
	i = mover(t->nr)->len;
	if (t->args[i] <= MOVE_MAX || task_regs(t))
		return;
	*task_arg(t, i) = MOVE_MAX;
	t->patched_args |= 1u << i;
	task_set_regs(t);
}

static void publish_moved_output(struct monitor *m, struct task *t, int64_t len)
{
	struct stat st;
	static bool told;

	if ((task_stat_fd(t, t->args[mover(t->nr)->out], &st) && publish_moved(m, t, &st, len)) || told)
		return;
	told = true;
	monitor_notef(m, NOTE_WARNING, t->nr, "what %s has moved to the standard output came through a pipe, and is not in the recording: "
	              "a replay does not print it", call_name(t->nr, 0));
}

/* ---- */

static void publish_cut(struct monitor *m, const struct stat *st, uint64_t size)
{
	struct file_write cut = {st->st_dev, st->st_ino, size, ~0ull};

	publish_part(m, PART_APPLY, 0, 0, &cut, sizeof(cut));
}

bool call_truncates(const struct task *t)
{
	switch (t->nr) {
	case SYS_open:     return t->args[1] & O_TRUNC;
	case SYS_openat:   return t->args[2] & O_TRUNC;
	case SYS_creat:
	case SYS_openat2:
	case SYS_truncate: return true;
	}
	return false;
}

bool call_path(struct task *t, bool at, char *ret, size_t room)
{
	char path[4096], from[32] = "cwd";
	size_t n = guest_read_some(t, t->args[at], path, sizeof(path) - 1);

	path[n] = 0;
	if (path[0] == '/')
		snprintf(from, sizeof(from), "root");
	else if (at && (int)t->args[0] != AT_FDCWD)
		snprintf(from, sizeof(from), "fd/%d", (int)t->args[0]);
	return n && (size_t)snprintf(ret, room, "/proc/%d/%s/%s", t->tid, from, path) < room;
}

bool call_truncates_path(struct task *t, char *ret, size_t room)
{
	return call_path(t, t->nr == SYS_openat || t->nr == SYS_openat2, ret, room);
}

void store_truncated(struct monitor *m, struct task *t, int64_t result)
{
	char path[4200];
	struct stat st;

	if (!config_followed(m->cfg) || !nkept || result < 0)
		return;
	if (t->nr != SYS_truncate) {
		if (names_mapped(m, t, result, &st))
			publish_cut(m, &st, 0);
		return;
	}
	if (call_truncates_path(t, path, sizeof(path)) && stat(path, &st) == 0 &&
	    file_is_mapped(m, st.st_dev, st.st_ino, MAPPED_ANYHOW))
		publish_cut(m, &st, t->args[1]);
}

/* A piece of the file is zeros now. */
static void publish_hole(struct monitor *m, const struct stat *st, uint64_t offset, uint64_t len)
{
	struct file_write *w = publish_part(m, PART_APPLY, 0, 0, NULL, sizeof(*w) + len);

	*w = (struct file_write){st->st_dev, st->st_ino, offset, len};
	memset(w + 1, 0, len);
}

/* False: in a way that cannot be told. */
static bool publish_allocated(struct monitor *m, const struct task *t, const struct stat *st)
{
	int mode = t->args[1], clears = mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE);

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_UNSHARE_RANGE) ||
	    (clears && t->args[3] > APPLY_MAX))
		return false;
	if (clears && (int64_t)t->args[2] < st->st_size)
		publish_hole(m, st, t->args[2], min_of(t->args[3], st->st_size - t->args[2]));
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		publish_cut(m, st, st->st_size);
	return true;
}

static void warn_unseen(struct monitor *m, const struct task *t)
{
	const char *name = call_name(t->nr, 0);

	monitor_notef(m, NOTE_WARNING, t->nr, "%s changes a file that is mapped in a way that followers do not see",
	              name ? name : "a call");
}

void store_changed(struct monitor *m, struct task *t, int64_t result)
{
	struct stat st;
	int64_t at;

	if (result > 0 && moves_to_output(m, t)) {
		publish_moved_output(m, t, result);
		return;
	}
	if (!config_followed(m->cfg) || !names_mapped(m, t, t->args[t->row->who & WRITES3 ? 2 : 0], &st))
		return;
	if (mover(t->nr) && result > 0 && result <= APPLY_MAX && publish_moved(m, t, &st, result))
		return;
	switch (t->nr) {
	case SYS_ftruncate:
		if (!result)
			publish_cut(m, &st, t->args[1]);
		return;
	case SYS_fallocate:
		if (!result && !publish_allocated(m, t, &st))
			warn_unseen(m, t);
		return;
	case SYS_write: case SYS_writev:
		at = file_position(t, t->args[0]) - result;
		break;
	case SYS_pwrite64: case SYS_pwritev: case SYS_pwritev2:
		at = t->args[3];
		break;
	default:
		at = -1;
	}
	if (result <= 0)
		return;
	if (at < 0 || result > APPLY_MAX)
		warn_unseen(m, t);
	else
		publish_write(m, t, &st, at, result);
}

/* ---- images ---- */

struct image {
	struct image_map map[256];
	char *path[256];
	uint64_t ino[256];
	int n;
	int nfiles;
	struct file_id file[64];
	char *file_path[64];
};

static void parse_map(struct image *im, char *line)
{
	struct image_map *x = &im->map[im->n];
	unsigned long long start, end, offset, ino;
	unsigned major, minor;
	char prot[5];
	int at = 0;

	if (im->n == (int)countof(im->map) ||
	    sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, prot, &offset, &major, &minor, &ino, &at) < 7)
		return;
	memset(x, 0, sizeof(*x));
	x->start = start;
	x->end = end;
	x->offset = offset;
	x->prot = (prot[0] == 'r' ? PROT_READ : 0) | (prot[1] == 'w' ? PROT_WRITE : 0) |
	          (prot[2] == 'x' ? PROT_EXEC : 0);
	line[strcspn(line, "\n")] = 0;
	im->path[im->n] = xstrdup(at ? line + at : "");
	im->ino[im->n] = ino;
	if (!strcmp(line + at, "[stack]"))
		x->kind = MAPK_STACK;
	else if (!strcmp(line + at, "[vdso]"))
		x->kind = MAPK_VDSO;
	else if (!strncmp(line + at, "[vvar", 5))
		x->kind = MAPK_VVAR;
	else if (!strcmp(line + at, "[vsyscall]")) {
		free(im->path[im->n]);
		return;
	} else
		x->kind = ino ? MAPK_FILE : MAPK_ANON;
	im->n++;
}

static int read_maps(struct task *t, struct image *im)
{
	char path[64], *line = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", t->p->pid);
	if (!(f = fopen(path, "re")))
		return -errno;
	while (getline(&line, &room, f) > 0)
		parse_map(im, line);
	free(line);
	fclose(f);
	return 0;
}

/* Where the file of a mapping can be looked at. The executable may be deleted, or a memfd: its magic
 * link works all the same. Paths are given as from the monitor's root, where a chroot of the task's is part of them;
 * what is not to be reached from there, as from the task's own. */
static void image_stat_path(struct task *t, const char *path, uint64_t ino, char *ret, size_t room)
{
	char link[64], exe[4096];
	struct stat st;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", t->p->pid);
	n = readlink(link, exe, sizeof(exe) - 1);
	exe[max_of(n, (ssize_t)0)] = 0;
	if (!strcmp(exe, path))
		snprintf(ret, room, "%s", link);
	else if (stat(path, &st) == 0 && st.st_ino == ino)
		snprintf(ret, room, "%s", path);
	else
		snprintf(ret, room, "/proc/%d/root%s", t->p->pid, path);
}

static int image_file(struct monitor *m, struct task *t, struct image *im, int i)
{
	struct image_map *x = &im->map[i];
	char where[4200];
	int f, err;

	for (f = 0; f < im->nfiles; f++)
		if (!strcmp(im->file_path[f], im->path[i]))
			break;
	if (f == (int)countof(im->file))
		return -E2BIG;
	image_stat_path(t, im->path[i], im->ino[i], where, sizeof(where));
	err = store_keep(m, t, where, x->start, x->end - x->start, x->offset,
	                 copier_may(x->prot) ? STORE_LATER : STORE_NOW, &im->file[f]);
	if (err)
		return err;
	if (f == im->nfiles) {
		im->file_path[f] = im->path[i];
		im->nfiles++;
	}
	x->file = f;
	return 0;
}

/* The kernel clears what lies behind the end of the file in the last page of a data segment: the one
 * place where a fresh image differs from its files. */
static void publish_tail(struct monitor *m, struct task *t, const struct image_map *x)
{
	publish_guest(m, t, PART_OUT, 0, x->end - 4096, 4096);
}

int image_publish(struct monitor *m, struct task *t)
{
	struct image *im = xcalloc(1, sizeof(*im));
	struct mm *mm = t->p->mm;
	int err = read_maps(t, im);

	for (int i = 0; !err && i < im->n; i++) {
		struct image_map *x = &im->map[i];
		struct mapping map = {.start = x->start, .end = x->end, .offset = x->offset, .leader = x->start,
		                      .path = im->path[i], .prot = x->prot};

		if (x->kind == MAPK_FILE) {
			err = image_file(m, t, im, i);
			map.dev = im->file[x->file].dev;
			map.ino = im->file[x->file].ino;
			map.state = file_state(&im->file[x->file]);
		}
		if (x->kind == MAPK_FILE || x->kind == MAPK_VDSO)
			mm_map(mm, &map);
		if (x->kind == MAPK_STACK)
			mm->stack_end = x->end;
		if (x->kind == MAPK_VDSO)
			mm->vdso = x->start;
	}
	if (!err) {
		publish_part(m, PART_IMAGE, 0, 0, im->map, im->n * sizeof(im->map[0]));
		for (int f = 0; f < im->nfiles; f++)
			store_publish(m, &im->file[f], im->file_path[f], 0);
	}
	for (int i = 0; !err && i < im->n; i++) {
		struct image_map *x = &im->map[i];

		if (!config_followed(m->cfg))
			break;
		if (x->kind == MAPK_FILE && (x->prot & PROT_WRITE))
			publish_tail(m, t, x);
		if (x->kind == MAPK_STACK)
			publish_guest(m, t, PART_OUT, 0, t->regs.rsp & ~7ull, x->end - (t->regs.rsp & ~7ull));
	}
	for (int i = 0; i < im->n; i++)
		free(im->path[i]);
	free(im);
	return err;
}
