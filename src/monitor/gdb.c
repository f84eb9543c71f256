/* gdb.c - see gdb.h. */
#define _GNU_SOURCE
#include "monitor/gdb.h"

#include <elf.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/follower.h"
#include "monitor/gdb_packet.h"
#include "monitor/gdb_regs.h"
#include "monitor/gdb_watch.h"
#include "show/decode.h"

#define COMES_NS 1000000000u   /* how long a task is waited for that may never come to a call */
#define STEP_FLAG 0x100        /* TF */
#define LOOK_EVENTS 64         /* between two looks at whether the user has interrupted */

/* Those that were taken out are remembered: a task may have met one before, and say so later. */
struct breakpoint { uint64_t at; uint8_t byte; bool out; };

struct gdb {
	int listener;                  /* -1: it is made where the version diverges */
	struct gdb_link link;
	bool met;                      /* gdb has connected once */
	bool tells_exec;               /* ... and wants to hear of execs */
	struct process *p;             /* whom it looks at: the root */
	struct task *current;          /* for registers and memory */
	struct task *stepper;          /* stops after one instruction; NULL: nobody */
	struct breakpoint *bp;
	int nbp;
	struct watches watches;
	struct task *pushes;           /* steps over an instruction that pushes the flags */
	bool interrupt;                /* the user wants it to stop */
	uint64_t stop_at, seq;         /* the event before which it stops, 0: none; the one that it stands before */
	uint64_t events;
	char *path;                    /* of the executable */
	struct buf auxv;
	char *stop;                    /* the last stop reply */
	struct process *borrower;      /* a child that uses p's memory (vfork): no breakpoints while it does; or NULL */
};

static struct task *first_task(const struct monitor *m)
{
	for (struct task *t = NULL; (t = task_next(m, t));)
		if (t->p == m->gdb->p && t->at != AT_DEAD)
			return t;
	return NULL;
}

static struct task *task_by_number(const struct monitor *m, uint64_t tid)
{
	for (struct task *t = NULL; (t = task_next(m, t));)
		if (t->p == m->gdb->p && (uint64_t)t->leader_tid == tid)
			return t;
	return NULL;
}

/* ---- breakpoints and watchpoints ---- */

static const uint8_t trap = 0xcc;

static int find_breakpoint(const struct gdb *g, uint64_t at)
{
	for (int i = 0; i < g->nbp; i++)
		if (g->bp[i].at == at)
			return i;
	return -1;
}

static int insert(struct gdb *g, struct task *t, uint64_t at)
{
	struct breakpoint b = {at, 0, false};
	int i = find_breakpoint(g, at);

	if (i >= 0 && !g->bp[i].out)
		return 0;
	if (guest_read(t, at, &b.byte, 1) || guest_write(t, at, &trap, 1))
		return -EFAULT;
	if (i < 0) {
		g->bp = xrealloc(g->bp, (g->nbp + 1) * sizeof(*g->bp));
		i = g->nbp++;
	}
	g->bp[i] = b;
	return 0;
}

/* Something else may be mapped there by now. */
static void restore_byte(struct task *t, const struct breakpoint *b)
{
	uint8_t now;

	if (!b->out && guest_read(t, b->at, &now, 1) == 0 && now == trap)
		guest_write(t, b->at, &b->byte, 1);
}

static void take_out(struct gdb *g, struct task *t, uint64_t at)
{
	int i = find_breakpoint(g, at);

	if (i < 0 || g->bp[i].out)
		return;
	restore_byte(t, &g->bp[i]);
	g->bp[i].out = true;
}

void gdb_breakpoints_away(struct monitor *m, struct task *t, bool away)
{
	for (int i = 0; m->gdb && t->p == m->gdb->p && i < m->gdb->nbp; i++)
		if (away)
			restore_byte(t, &m->gdb->bp[i]);
		else if (!m->gdb->bp[i].out)
			guest_write(t, m->gdb->bp[i].at, &trap, 1);
}

static void forget_all(struct monitor *m)
{
	struct gdb *g = m->gdb;
	struct task *t = first_task(m);

	for (int i = 0; t && i < g->nbp; i++)
		take_out(g, t, g->bp[i].at);
	watch_remove_all(&g->watches, m, g->p);
	g->stepper = NULL;
	g->interrupt = false;
	g->stop_at = 0;
}

/* ---- memory ---- */

static void send_memory(struct gdb *g, struct task *t, const char *args)
{
	uint64_t at, len;
	struct buf hex = {0};
	uint8_t *bytes;

	if (!hex_number(&args, &at) || *args++ != ',' || !hex_number(&args, &len) || len > 0x4000) {
		gdb_send(&g->link, "E22");
		return;
	}
	bytes = xmalloc(len);
	len = guest_read_some(t, at, bytes, len);
	for (int i = 0; i < g->nbp; i++)
		if (!g->bp[i].out && g->bp[i].at - at < len)
			bytes[g->bp[i].at - at] = g->bp[i].byte;
	hex_put(&hex, bytes, len);
	gdb_send(&g->link, len ? hex.at : "E14");
	buf_free(&hex);
	free(bytes);
}

/* Z and z: type,address,kind. */
static void on_breakpoint(struct monitor *m, struct task *t, const char *packet)
{
	struct gdb *g = m->gdb;
	bool set = packet[0] == 'Z';
	int type = packet[1], err = 0;
	enum watch_kind kind = type == '1' ? WATCH_EXEC : type == '2' ? WATCH_WRITE : WATCH_ACCESS;
	const char *args = packet + 2;
	uint64_t at, len;

	if (type == '3' || type < '0' || type > '4') {     /* reading alone cannot be watched on this processor */
		gdb_send(&g->link, "");
		return;
	}
	if (*args++ != ',' || !hex_number(&args, &at) || *args++ != ',' || !hex_number(&args, &len)) {
		gdb_send(&g->link, "E22");
		return;
	}
	if (type == '0' && set)
		err = insert(g, t, at);
	else if (type == '0')
		take_out(g, t, at);
	else if (set)
		err = watch_add(&g->watches, m, g->p, at, type == '1' ? 1 : len, kind);
	else
		watch_remove(&g->watches, m, g->p, at, type == '1' ? 1 : len, kind);
	gdb_send(&g->link, err == -ENOTSUP ? "" : err ? "E0e" : "OK");
}

/* ---- questions ---- */

static void send_threads(struct monitor *m)
{
	struct buf list = {0};

	buf_putc(&list, 'm');
	for (struct task *t = NULL; (t = task_next(m, t));)
		if (t->p == m->gdb->p && t->at != AT_DEAD)
			buf_printf(&list, "%s%x", list.len > 1 ? "," : "", t->leader_tid);
	gdb_send(&m->gdb->link, list.len > 1 ? list.at : "l");
	buf_free(&list);
}

static void send_thread_info(struct monitor *m, const char *args)
{
	struct buf text = {0}, hex = {0};
	struct task *t;
	uint64_t tid;

	t = hex_number(&args, &tid) ? task_by_number(m, tid) : NULL;
	if (t)
		buf_printf(&text, "task %u", t->id);
	hex_put(&hex, text.at, text.len);
	gdb_send(&m->gdb->link, t ? hex.at : "E03");
	buf_free(&text);
	buf_free(&hex);
}

/* qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH */
static void on_xfer(struct gdb *g, const char *args)
{
	char object[32], annex[64] = "";
	uint64_t offset, len;
	const char *rest = strrchr(args, ':');
	struct buf text = {0};

	if (!rest++ || sscanf(args, "%31[^:]:read:%63[^:]:", object, annex) < 1 || !hex_number(&rest, &offset) || *rest++ != ',' ||
	    !hex_number(&rest, &len)) {
		gdb_send(&g->link, "E00");
		return;
	}
	if (!strcmp(object, "features") && !strcmp(annex, "target.xml"))
		gdb_target_xml(&text);
	else if (!strcmp(object, "auxv"))
		buf_add(&text, g->auxv.at, g->auxv.len);
	else if (!strcmp(object, "exec-file"))
		buf_puts(&text, g->path ? g->path : "");
	if (text.at)
		gdb_send_piece(&g->link, text.at, text.len, offset, len);
	else
		gdb_send(&g->link, "");
	buf_free(&text);
}

static void show_recent(struct monitor *m, struct buf *out, uint64_t most)
{
	uint64_t from = m->nrecent - min_of(min_of(most, m->nrecent), (uint64_t)countof(m->recent));
	const struct show_options how = SHOW_DEFAULTS;

	for (uint64_t i = from; i < m->nrecent; i++) {
		const struct event *e = m->recent[i % countof(m->recent)];

		buf_printf(out, "event %" PRIu64 ", task %u: ", e->seq, e->task);
		show_event(out, e, &how);
		if (out->at[out->len - 1] != '\n')
			buf_puts(out, "(only there for followers)\n");
	}
}

static void monitor_maps(struct monitor *m, struct buf *out)
{
	const struct mm *mm = m->gdb->p->mm;

	for (int i = 0; i < mm->nmap; i++)
		buf_printf(out, "%012" PRIx64 "-%012" PRIx64 " %c%c%c %08" PRIx64 " %s\n", mm->map[i].start, mm->map[i].end,
		           mm->map[i].prot & 1 ? 'r' : '-', mm->map[i].prot & 2 ? 'w' : '-', mm->map[i].prot & 4 ? 'x' : '-',
		           mm->map[i].offset, mm->map[i].path);
}

/* `monitor COMMAND` of gdb's. */
static void on_command(struct monitor *m, const char *hex)
{
	struct gdb *g = m->gdb;
	struct buf out = {0};
	char text[128] = "";
	unsigned long long n;

	text[hex_bytes(hex, text, sizeof(text) - 1)] = 0;
	if (!strcmp(text, "event")) {
		buf_printf(&out, "before event %" PRIu64 "; the last one was:\n", g->seq ? g->seq : m->last_seq + 1);
		show_recent(m, &out, 1);
	} else if (!strcmp(text, "why-here")) {
		buf_printf(&out, "before event %" PRIu64 "; those before:\n", g->seq ? g->seq : m->last_seq + 1);
		show_recent(m, &out, UINT64_MAX);
	} else if (!strcmp(text, "maps")) {
		monitor_maps(m, &out);
	} else if (sscanf(text, "goto %llu", &n) == 1) {
		if (n <= m->last_seq) {
			buf_printf(&out, "event %llu has been: a replay does not go back\n", n);
		} else {
			g->stop_at = n;
			buf_printf(&out, "continue, and it stops before event %llu\n", n);
		}
	} else {
		buf_puts(&out, "monitor event      where in the recording this is\n"
		               "monitor why-here   the events before\n"
		               "monitor goto N     stop before event N, when it is continued\n"
		               "monitor maps       the files in memory\n");
	}
	gdb_console(&g->link, out.at);
	gdb_send(&g->link, "OK");
	buf_free(&out);
}

static void on_query(struct monitor *m, struct task *t, const char *p)
{
	struct gdb *g = m->gdb;

	if (!strncmp(p, "qSupported", 10)) {
		g->tells_exec = strstr(p, "exec-events+");
		gdb_sendf(&g->link, "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;qXfer:auxv:read+;qXfer:exec-file:read+;"
		          "vContSupported+;swbreak+;hwbreak+%s", g->tells_exec ? ";exec-events+" : "");
	} else if (!strcmp(p, "QStartNoAckMode")) {
		gdb_send(&g->link, "OK");
		g->link.no_ack = true;
	} else if (!strcmp(p, "qC")) {
		gdb_sendf(&g->link, "QC%x", t->leader_tid);
	} else if (!strncmp(p, "qAttached", 9)) {
		gdb_send(&g->link, "0");
	} else if (!strcmp(p, "qfThreadInfo")) {
		send_threads(m);
	} else if (!strcmp(p, "qsThreadInfo")) {
		gdb_send(&g->link, "l");
	} else if (!strncmp(p, "qThreadExtraInfo,", 17)) {
		send_thread_info(m, p + 17);
	} else if (!strncmp(p, "qXfer:", 6)) {
		on_xfer(g, p + 6);
	} else if (!strncmp(p, "qRcmd,", 6)) {
		on_command(m, p + 6);
	} else if (!strncmp(p, "qSymbol", 7)) {
		gdb_send(&g->link, "OK");
	} else {
		gdb_send(&g->link, "");
	}
}

/* ---- stopped ---- */

/* Registers can be read of a task that stands. What waitpid says of it is handled when it goes on. */
static void hold_others(struct monitor *m, const struct task *t)
{
	int status;

	for (struct task *x = NULL; (x = task_next(m, x));)
		if (x != t && x->p == m->gdb->p && x->at == AT_RUNNING && x->state == TASK_RUNNING &&
		    ptrace(PTRACE_INTERRUPT, x->tid, 0, 0) == 0 && task_wait(m, x, &status) == 0)
			monitor_stash(m, x->tid, status);
}

/* "vCont;s:1f;c": only who steps is of interest. */
static void parse_cont(struct monitor *m, struct task *t, const char *p)
{
	m->gdb->stepper = NULL;
	for (p = strchr(p, ';'); p; p = strchr(p, ';')) {
		char what = *++p;
		const char *at = strchr(p, ':');
		const char *end = strchr(p, ';');
		uint64_t tid = 0;

		if (at && (!end || at < end) && at++)
			hex_number(&at, &tid);
		if ((what == 's' || what == 'S') && !m->gdb->stepper)
			m->gdb->stepper = tid ? task_by_number(m, tid) : t;
	}
}

static _Noreturn void end_replay(struct monitor *m)
{
	gdb_hang_up(&m->gdb->link);
	monitor_notef(m, NOTE_INCOMPLETE, 0, "the replay was ended by gdb, after event %" PRIu64, m->last_seq);
	monitor_kill_all(m);
	_exit(0);
}

/* Packets whose names are words. True: the program goes on. */
static bool on_word(struct monitor *m, struct task *t, const char *p)
{
	struct gdb *g = m->gdb;

	if (!strcmp(p, "vCont?")) {
		gdb_send(&g->link, "vCont;c;C;s;S");
	} else if (!strncmp(p, "vCont", 5)) {
		parse_cont(m, t, p);
		return true;
	} else if (!strncmp(p, "vKill", 5)) {
		gdb_send(&g->link, "OK");
		end_replay(m);
	} else {
		gdb_send(&g->link, "");
	}
	return false;
}

/* The task that a packet names; 0 and -1 are any: t. */
static struct task *task_named(const struct monitor *m, struct task *t, const char *args)
{
	uint64_t n;

	return hex_number(&args, &n) && n ? task_by_number(m, n) : t;
}

/* True: the program goes on. */
static bool command(struct monitor *m, struct task **current)
{
	struct gdb *g = m->gdb;
	const char *p = g->link.packet.at, *args = p + 1;
	struct task *t = *current, *other;
	uint64_t n;

	switch (*p) {
	case '?': gdb_send(&g->link, g->stop); return false;
	case 'H':
		other = task_named(m, t, args + 1);
		gdb_send(&g->link, other ? "OK" : "E03");
		if (other && p[1] == 'g')
			*current = other;
		return false;
	case 'T':
		gdb_send(&g->link, task_named(m, NULL, args) ? "OK" : "E03");
		return false;
	case 'g': gdb_send_registers(&g->link, t); return false;
	case 'p':
		gdb_send_register(&g->link, t, hex_number(&args, &n) ? n : UINT64_MAX);
		return false;
	case 'm': send_memory(g, t, args); return false;
	case 'G': case 'P': case 'M': case 'X':
		gdb_send(&g->link, "E.a replay cannot be changed");
		return false;
	case 'Z': case 'z': on_breakpoint(m, t, p); return false;
	case 'q': case 'Q': on_query(m, t, p); return false;
	case 'c': case 'C':
		g->stepper = NULL;
		return true;
	case 's': case 'S':
		g->stepper = t;
		return true;
	case 'v': return on_word(m, t, p);
	case 'D':
		gdb_send(&g->link, "OK");
		gdb_hang_up(&g->link);
		return true;
	case 'k': end_replay(m);
	default:
		gdb_send(&g->link, "");
		return false;
	}
}

int gdb_listen(const char *exe, char **ret_command)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 4) < 0 || getsockname(fd, (struct sockaddr *)&at, &len) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_command = xasprintf("gdb -ex 'set sysroot /' -ex 'target remote 127.0.0.1:%u' %s", ntohs(at.sin_port), exe);
	return fd;
}

/* Whoever is at the other end can read the program's memory. The kernel tells whose sockets are whose, by their own addresses. */
static bool is_ours(const struct sockaddr_in *peer)
{
	char want[32], line[512], local[32];
	FILE *f = fopen("/proc/net/tcp", "re");
	unsigned uid;
	bool ours = false;

	snprintf(want, sizeof(want), "%08X:%04X", peer->sin_addr.s_addr, ntohs(peer->sin_port));
	while (f && !ours && fgets(line, sizeof(line), f))
		ours = sscanf(line, " %*[^:]: %31s %*s %*s %*s %*s %*s %u", local, &uid) == 2 && !strcmp(local, want) && uid == getuid();
	if (f)
		fclose(f);
	return ours;
}

static bool wait_for_gdb(struct gdb *g)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);

	if (g->met)
		return g->link.fd >= 0;
	for (;;) {
		g->link.fd = accept4(g->listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
		if (g->link.fd >= 0 && is_ours(&peer))
			break;
		if (g->link.fd < 0 && errno != EINTR)
			break;
		gdb_hang_up(&g->link);
		len = sizeof(peer);
	}
	close(g->listener);
	g->met = true;
	return g->link.fd >= 0;
}

/* t stands still: gdb has the word until it lets the program go on. `tell`: it waits to hear why. */
static void serve(struct monitor *m, struct task *t, const char *reply, bool tell)
{
	struct gdb *g = m->gdb;
	struct task *current = t;

	free(g->stop);
	g->stop = xasprintf("%sthread:%x;", reply, t->leader_tid);
	g->stepper = NULL;
	g->interrupt = false;
	if (!wait_for_gdb(g))
		return;
	hold_others(m, t);
	if (tell)
		gdb_send(&g->link, g->stop);
	for (;;) {
		if (!gdb_receive(&g->link)) {
			forget_all(m);
			return;
		}
		if (command(m, &current))
			break;
	}
	if (g->link.fd < 0)
		forget_all(m);
	t->resumed = now_mono();
	t->cpu_resumed = 0;
}

static bool looks_at(const struct monitor *m, const struct task *t)
{
	const struct gdb *g = m->gdb;

	return g && t && t->p == g->p && (g->met ? g->link.fd >= 0 : g->listener >= 0);
}

/* ---- what the follower tells ---- */

struct gdb *gdb_new(int fd, uint64_t at)
{
	struct gdb *g = xcalloc(1, sizeof(*g));

	g->stop = xstrdup("");
	g->listener = fd;
	g->link.fd = -1;
	g->stop_at = at;
	return g;
}

/* Behind the strings' pointers on the initial stack. */
static void read_auxv(struct gdb *g, struct task *t)
{
	uint64_t at, word;
	Elf64_auxv_t entry;

	buf_clear(&g->auxv);
	at = t->p->mm->start_sp;
	if (guest_read(t, at, &word, 8))
		return;
	at += 8 * (word + 2);
	while (guest_read(t, at, &word, 8) == 0 && word)
		at += 8;
	at += 8;
	do {
		if (guest_read(t, at, &entry, sizeof(entry)))
			return;
		buf_add(&g->auxv, &entry, sizeof(entry));
		at += sizeof(entry);
	} while (entry.a_type != AT_NULL && g->auxv.len < 4096);
}

/* A child that has used p's memory has an image of its own, or is gone. */
static void give_back(struct monitor *m, const struct process *child)
{
	struct gdb *g = m->gdb;
	struct task *t = g->borrower == child ? first_task(m) : NULL;

	if (g->borrower != child)
		return;
	g->borrower = NULL;
	if (t)
		gdb_breakpoints_away(m, t, false);
}

void gdb_image(struct monitor *m, struct task *t, const char *path)
{
	struct gdb *g = m->gdb;
	struct buf reply = {0};
	bool first = g && !g->met;

	if (!g)
		return;
	if (task_regs(t) == 0)
		t->p->mm->start_sp = t->regs.rsp;
	give_back(m, t->p);
	if (t->p != m->root || (g->met ? g->link.fd < 0 : g->listener < 0))
		return;
	g->p = t->p;
	free(g->path);
	g->path = xstrdup(path);
	g->nbp = 0;
	watch_remove_all(&g->watches, m, g->p);
	read_auxv(g, t);
	/* Who wants to be at an event does not want to be here, but gdb has to be met. */
	if (!first && !g->tells_exec)
		return;
	buf_puts(&reply, "T05");
	if (!first) {
		buf_puts(&reply, "exec:");
		hex_put(&reply, path, strlen(path));
		buf_putc(&reply, ';');
	}
	if (!first || !g->stop_at)
		serve(m, t, reply.at, !first);
	buf_free(&reply);
}

/* "T05watch:ADDRESS;", or whatever gdb calls that kind. */
static void tell_watch(char *reply, size_t room, const struct watch *w)
{
	if (w->kind == WATCH_EXEC)
		snprintf(reply, room, "T05hwbreak:;");
	else
		snprintf(reply, room, "T05%s:%" PRIx64 ";", w->kind == WATCH_WRITE ? "watch" : "awatch", w->at);
}

void gdb_diverged(struct monitor *m, struct task *t, const char *report)
{
	struct gdb *g = m->gdb;
	char *command;

	if (!g || !t || !t->p || t->at == AT_DEAD || (g->met ? g->link.fd < 0 || t->p != g->p : g->listener >= 0))
		return;
	/* Nobody waits for this version any more. */
	stream_drop_consumer(m->s, m->consumer);
	if (g->met) {
		gdb_console(&g->link, report);
		serve(m, t, "T05", true);
		return;
	}
	g->p = t->p;
	free(g->path);
	g->path = xstrdup(t->p->mm->nmap ? t->p->mm->map[0].path : "");
	read_auxv(g, t);
	if ((g->listener = gdb_listen(g->path, &command)) < 0) {
		monitor_notef(m, NOTE_WARNING, 0, "cannot wait for gdb: %s", strerror(-g->listener));
		return;
	}
	monitor_notef(m, NOTE_WARNING, 0, "version %d waits for gdb where it parts: %s", m->version, command);
	free(command);
	serve(m, t, "T05", false);
}

/* gdb has gone in the middle: what it has left in the program goes, too. */
static void look_for_interrupt(struct monitor *m)
{
	struct gdb *g = m->gdb;

	if (!g->met || g->link.fd < 0)
		return;
	g->interrupt |= gdb_interrupted(&g->link);
	if (g->link.fd < 0)
		forget_all(m);
}

/* Why t has to stop before e, as a stop reply; false: it has not. */
static bool wants_stop(struct monitor *m, struct task *t, const struct event *e, char *reply, size_t room)
{
	struct gdb *g = m->gdb;
	const struct watch *w;

	if (g->interrupt)
		snprintf(reply, room, "T02");
	else if (g->stop_at && e->seq >= g->stop_at)
		snprintf(reply, room, "T00");
	else if (g->met && e->type == EV_SIGNAL && (e->flags & (EVF_HANDLER | EVF_FAULT)))
		snprintf(reply, room, "T%02x", gdb_signal_number(e->call));
	else if (g->met && t->at != AT_RUNNING && (w = watch_hit(&g->watches, t)))
		tell_watch(reply, room, w);
	else
		return false;
	return true;
}

void gdb_event(struct monitor *m, struct task *t, const struct event *e)
{
	struct gdb *g = m->gdb;
	char reply[48];

	if (!g)
		return;
	g->seq = e->seq;
	if (t && e->type == EV_DEATH && t->p == g->borrower)
		give_back(m, t->p);
	if (++g->events % LOOK_EVENTS == 0)
		look_for_interrupt(m);
	if (!looks_at(m, t) || !wants_stop(m, t, e, reply, sizeof(reply)))
		return;
	/* Killed while it computes, it comes nowhere any more. */
	if (e->type == EV_DEATH && WIFSIGNALED(e->result) && t->at == AT_RUNNING)
		return;
	follower_wait(m, t);
	/* What it has met on its way may have been told already. */
	if (t->at == AT_DEAD || t->at == AT_EXIT || !looks_at(m, t) || !wants_stop(m, t, e, reply, sizeof(reply)))
		return;
	if (e->seq >= g->stop_at)
		g->stop_at = 0;
	serve(m, t, reply, g->met);
	g->seq = 0;
}

/* It has been let go, and is found a little further, at its next call; if it comes to one. */
void gdb_remark(struct monitor *m, struct task *t, const struct event *e)
{
	uint64_t since = now_mono();
	char reply[8];

	if (!looks_at(m, t) || !m->gdb->met || e->type != EV_SIGNAL)
		return;
	if (e->call == SIGCHLD || e->call == SIGCONT || e->call == SIGURG || e->call == SIGWINCH)
		return;
	while (t->at == AT_RUNNING && now_mono() - since < COMES_NS)
		follower_serve(m, t);
	if (t->at == AT_RUNNING || t->at == AT_DEAD || t->at == AT_EXIT)
		return;
	snprintf(reply, sizeof(reply), "T%02x", gdb_signal_number(e->call));
	serve(m, t, reply, true);
}

void gdb_tick(struct monitor *m)
{
	struct gdb *g = m->gdb;

	if (!g || g->interrupt)
		return;
	look_for_interrupt(m);
	if (!g->interrupt)
		return;
	/* Who computes is stopped there; who waits for the stream, before its next event. */
	for (struct task *t = NULL; (t = task_next(m, t));)
		if (t->p == g->p && t->at == AT_RUNNING && t->state == TASK_RUNNING)
			ptrace(PTRACE_INTERRUPT, t->tid, 0, 0);
}

/* pushf has put the flag of the single step beside the program's own. */
static void hide_step(struct gdb *g, struct task *t)
{
	uint64_t flags;

	if (g->pushes == t && guest_read(t, t->regs.rsp, &flags, sizeof(flags)) == 0) {
		flags &= ~(uint64_t)STEP_FLAG;
		guest_write(t, t->regs.rsp, &flags, sizeof(flags));
	}
	g->pushes = NULL;
}

/* A breakpoint that is not there any more: t goes back to what it is about to execute. */
static bool met_before(struct monitor *m, struct task *t, int i)
{
	uint8_t now;

	if (!m->gdb->bp[i].out || (guest_read(t, m->gdb->bp[i].at, &now, 1) == 0 && now == trap))
		return false;
	t->regs.rip--;
	task_set_regs(t);
	gdb_resume(m, t, 0);
	return true;
}

static bool on_trap(struct monitor *m, struct task *t)
{
	struct gdb *g = m->gdb;
	bool there = g->link.fd >= 0;
	const struct watch *w;
	siginfo_t info;
	char reply[48];
	int i;

	if (task_siginfo(t, &info) || task_regs(t))
		return false;
	if (info.si_code != SI_KERNEL)
		hide_step(g, t);
	i = info.si_code == SI_KERNEL ? find_breakpoint(g, t->regs.rip - 1) : -1;
	if (i >= 0 && g->bp[i].out)
		return met_before(m, t, i);
	if (there && i >= 0) {
		t->regs.rip--;
		task_set_regs(t);
		snprintf(reply, sizeof(reply), "T05swbreak:;");
	} else if (info.si_code == SI_KERNEL) {
		return false;      /* a shield's, or the program's own */
	} else if (there && (w = watch_hit(&g->watches, t))) {
		tell_watch(reply, sizeof(reply), w);
	} else if (there && g->stepper == t) {
		snprintf(reply, sizeof(reply), "T05");
	} else if (!there || watch_steps(&g->watches)) {
		/* Of a step or a watch that is no longer wanted. */
		watch_newborn(&g->watches, t);
		gdb_resume(m, t, 0);
		return true;
	} else {
		return false;
	}
	serve(m, t, reply, true);
	gdb_resume(m, t, 0);
	return true;
}

bool gdb_stopped(struct monitor *m, struct task *t, int status)
{
	struct gdb *g = m->gdb;

	if (!g || !g->met || t->p != g->p)
		return false;
	if (g->link.fd >= 0 && status >> 16 == PTRACE_EVENT_STOP && g->interrupt && !t->parking && !t->first_run && t->at == AT_RUNNING) {
		serve(m, t, "T02", true);
		gdb_resume(m, t, 0);
		return true;
	}
	return status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP && on_trap(m, t);
}

/* A child of vfork's runs in the program's own memory, where gdb looks at its parent alone. */
static void lend(struct monitor *m, struct task *child)
{
	struct task *t = first_task(m);

	m->gdb->borrower = child->p;
	if (t)
		gdb_breakpoints_away(m, t, true);
}

void gdb_born(struct monitor *m, struct task *child)
{
	struct gdb *g = m->gdb;

	if (!g || !g->p || !child->p)
		return;
	if (child->p == g->p)
		watch_newborn(&g->watches, child);
	else if (child->p->mm != g->p->mm)
		for (int i = 0; i < g->nbp; i++)
			restore_byte(child, &g->bp[i]);
	else
		lend(m, child);
}

static bool is_pushf(struct task *t)
{
	uint8_t code[2];

	if (t->at == AT_CALL || task_regs(t) || guest_read(t, t->regs.rip, code, sizeof(code)))
		return false;
	return code[0] == 0x9c || ((code[0] == 0x66 || (code[0] & 0xf0) == 0x40) && code[1] == 0x9c);
}

int gdb_resume(struct monitor *m, struct task *t, int sig)
{
	struct gdb *g = m->gdb;
	bool steps = g && t->p == g->p && g->link.fd >= 0 && (g->stepper == t || watch_steps(&g->watches));

	if (steps && is_pushf(t))
		g->pushes = t;
	return task_resume(t, steps ? PTRACE_SINGLESTEP : PTRACE_CONT, sig);
}

void gdb_end(struct monitor *m, int status)
{
	struct gdb *g = m->gdb;

	if (g && !g->met && g->listener >= 0)
		monitor_notef(m, NOTE_WARNING, 0, "event %" PRIu64 " was not reached", g->stop_at);
	if (!g || !g->met || g->link.fd < 0)
		return;
	if (WIFSIGNALED(status))
		gdb_sendf(&g->link, "X%02x", gdb_signal_number(WTERMSIG(status)));
	else
		gdb_sendf(&g->link, "W%02x", WEXITSTATUS(status));
	gdb_hang_up(&g->link);
}
