/* scan.c - finding instructions in text: what a walk through the function around it proves to be one.
 *
 * Text holds data: when in doubt a place is left alone and counted.
 */
#include "monitor/shields/scan.h"

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* ---- walking a function ---- */

static size_t function_size(const struct scan *s)
{
	return s->f.at.end - s->f.at.start;
}

static void lead_add(struct function *f, uint64_t offset)
{
	f->lead = scan_grown(f->lead, f->nlead, &f->lead_room, sizeof(*f->lead));
	f->lead[f->nlead++] = (uint32_t)offset;
}

/* Where an instruction leads: to the next one, and by `rel` from there to another place. */
enum flow { FLOW_ON, FLOW_BRANCH, /* the others do not go on: */ FLOW_JUMP, FLOW_STOP, FLOW_LOST };
struct step {
	int len;
	enum flow flow;
	int64_t rel;                    /* FLOW_BRANCH, FLOW_JUMP */
};

/* The commonest instructions by their opcode bytes: nine of ten that a walk meets, for a tenth of the
 * disassembler's time. What is not here, or has a form that is not always valid, goes to it. */
enum {
	NP = 1, P66 = 2, PF3 = 4, PF2 = 8,      /* allowed without a prefix, or with this one */
	M = 16,                                 /* ModRM */
	I1 = 32, I4 = 64,                       /* immediate or branch distance */
	SIMD = NP | P66 | PF3 | PF2 | M
};
#define ALU(row) \
	[(row) ... (row) + 3] = NP | M, [(row) + 4] = NP | I1, [(row) + 5] = NP | I4
static const uint8_t quick_one[256] = {
	ALU(0x00), ALU(0x08), ALU(0x10), ALU(0x18), ALU(0x20), ALU(0x28), ALU(0x30), ALU(0x38),
	[0x50 ... 0x5f] = NP,                           /* push, pop */
	[0x63] = NP | M,                                /* movsxd */
	[0x68] = NP | I4, [0x69] = NP | M | I4, [0x6a] = NP | I1, [0x6b] = NP | M | I1,
	[0x70 ... 0x7f] = NP | I1,                      /* jcc */
	[0x80] = NP | M | I1, [0x81] = NP | M | I4, [0x83] = NP | M | I1,
	[0x84 ... 0x8b] = NP | M, [0x8d] = NP | M,      /* test, xchg, mov, lea */
	[0x90] = NP, [0x98 ... 0x99] = NP,
	[0xa8] = NP | I1, [0xa9] = NP | I4,
	[0xb0 ... 0xb7] = NP | I1, [0xb8 ... 0xbf] = NP | I4,
	[0xc0 ... 0xc1] = NP | M | I1, [0xd0 ... 0xd3] = NP | M,
	[0xc3] = NP, [0xc9] = NP, [0xcc] = NP,          /* ret, leave, int3 */
	[0xc6] = NP | M | I1, [0xc7] = NP | M | I4,
	[0xe8 ... 0xe9] = NP | I4, [0xeb] = NP | I1,    /* call, jmp */
	[0xf6 ... 0xf7] = NP | M, [0xfe ... 0xff] = NP | M,
};
static const uint8_t quick_two[256] = {
	[0x10 ... 0x11] = SIMD, [0x28 ... 0x29] = NP | P66 | M, [0x2e ... 0x2f] = NP | P66 | M,
	[0x1f] = NP | P66 | M,                          /* nop */
	[0x40 ... 0x4f] = NP | M,                       /* cmov */
	[0x54] = NP | P66 | M, [0x57] = NP | P66 | M,
	[0x58 ... 0x59] = SIMD, [0x5c] = SIMD, [0x5e] = SIMD,
	[0x6e] = NP | P66 | M, [0x6f] = NP | P66 | PF3 | M,
	[0x7e ... 0x7f] = NP | P66 | PF3 | M,
	[0x80 ... 0x8f] = NP | I4,                      /* jcc */
	[0x90 ... 0x9f] = NP | M,                       /* setcc */
	[0xa3] = NP | M, [0xaf] = NP | M,
	[0xb6 ... 0xb7] = NP | M, [0xbe ... 0xbf] = NP | M,
	[0xd4] = NP | P66 | M, [0xd6] = P66 | M, [0xef] = NP | P66 | M,
};

/* The opcodes of which only some ModRM bytes are what the table says. */
static bool quick_form(uint8_t op, uint8_t modrm)
{
	int sub = modrm >> 3 & 7;

	switch (op) {
	case 0x8d:
		return modrm >> 6 != 3;
	case 0xc6: case 0xc7:
		return sub == 0;
	case 0xf6: case 0xf7:
		return sub > 1;
	case 0xfe:
		return sub < 2;
	case 0xff:
		return sub < 2 || sub == 6;
	}
	return true;
}

/* From the ModRM byte to the end of its displacement. */
static int modrm_len(const uint8_t *b)
{
	int mod = b[0] >> 6, rm = b[0] & 7;

	if (mod == 3)
		return 1;
	if (mod == 0 && (rm == 5 || (rm == 4 && (b[1] & 7) == 5)))
		return rm == 4 ? 6 : 5;
	return 1 + (rm == 4) + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

static enum flow quick_flow(bool two, uint8_t op)
{
	if (two)
		return (op & 0xf0) == 0x80 ? FLOW_BRANCH : FLOW_ON;
	if ((op & 0xf0) == 0x70 || op == 0xe8)
		return FLOW_BRANCH;
	if (op == 0xe9 || op == 0xeb)
		return FLOW_JUMP;
	return op == 0xc3 || op == 0xcc ? FLOW_STOP : FLOW_ON;
}

/* At least INSN_MAX bytes can be read at `b`. False: ask the disassembler. */
static bool step_quick(const uint8_t *b, struct step *ret)
{
	uint8_t need = NP, rex = 0, op, q;
	int32_t rel = 0;
	bool two;
	int n = 0;

	if (b[n] == 0x66 || b[n] == 0xf3 || b[n] == 0xf2) {
		need = b[n] == 0x66 ? P66 : b[n] == 0xf3 ? PF3 : PF2;
		n++;
	}
	if ((b[n] & 0xf0) == 0x40)
		rex = b[n++];
	two = b[n] == 0x0f;
	n += two;
	op = b[n++];
	q = two ? quick_two[op] : quick_one[op];
	if (!(q & need) || (!two && q & M && !quick_form(op, b[n])))
		return false;
	if (q & M)
		n += modrm_len(b + n);
	if (q & I4)
		n += rex & 8 && !two && (op & 0xf8) == 0xb8 ? 8 : 4;
	else if (q & I1)
		n += 1;
	ret->len = n;
	ret->flow = quick_flow(two, op);
	if (q & I4)
		memcpy(&rel, b + n - 4, 4);
	ret->rel = q & I4 ? rel : (int8_t)b[n - 1];
	return true;
}

int insn_length_quick(const uint8_t *bytes)
{
	struct step st;

	return step_quick(bytes, &st) ? st.len : 0;
}

static enum flow flow_of(const ZydisDecodedInstruction *in)
{
	bool relative = in->raw.imm[0].is_relative;

	switch (in->meta.category) {
	case ZYDIS_CATEGORY_UNCOND_BR:
		return relative ? FLOW_JUMP : FLOW_LOST;
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_CALL:
		return relative ? FLOW_BRANCH : FLOW_ON;
	case ZYDIS_CATEGORY_RET:
		return FLOW_STOP;
	default:
		break;
	}
	return in->mnemonic == ZYDIS_MNEMONIC_UD2 || in->mnemonic == ZYDIS_MNEMONIC_INT3 ||
	       in->mnemonic == ZYDIS_MNEMONIC_HLT ? FLOW_STOP : FLOW_ON;
}

static bool step_zydis(const ZydisDecoder *d, const uint8_t *b, size_t n, struct step *ret)
{
	ZydisDecodedInstruction in;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(d, NULL, b, min_of(n, (size_t)INSN_MAX), &in)))
		return false;
	ret->len = in.length;
	ret->flow = flow_of(&in);
	ret->rel = in.raw.imm[0].value.s;
	return true;
}

/* One instruction: decoded, marked. It must not lie across another. */
static bool step(struct scan *s, size_t off, struct step *ret)
{
	const uint8_t *text = s->f.text + off;
	size_t left = function_size(s) - off;
	uint8_t *mark = s->f.mark + off;

	if (left < INSN_MAX || !step_quick(text, ret))
		if (!step_zydis(&s->decoder, text, left, ret))
			return false;
	for (int i = 1; i < ret->len; i++) {
		if (mark[i] != UNSEEN)
			return false;
		mark[i] = INSIDE;
	}
	mark[0] = (uint8_t)ret->len;
	return true;
}

/* Straight on from `off` until it ends or meets known ground. */
static void walk_line(struct scan *s, size_t off)
{
	struct step st;

	while (off < function_size(s) && s->f.mark[off] == UNSEEN) {
		if (!step(s, off, &st)) {
			s->f.broken = true;
			return;
		}
		off += (size_t)st.len;
		if ((st.flow == FLOW_BRANCH || st.flow == FLOW_JUMP) &&
		    off + (uint64_t)st.rel < function_size(s))
			lead_add(&s->f, off + (uint64_t)st.rel);
		s->f.indirect |= st.flow == FLOW_LOST;
		if (st.flow >= FLOW_JUMP)
			return;
	}
	if (off < function_size(s) && s->f.mark[off] == INSIDE)
		s->f.broken = true;
}

/* Follow the branches met so far; with `until`, only until the byte of that mark has been reached. */
static void walk_leads(struct scan *s, const uint8_t *until)
{
	struct function *f = &s->f;

	while (f->nlead && !f->broken && (!until || *until == UNSEEN))
		walk_line(s, f->lead[--f->nlead]);
}

static void walk_from(struct scan *s, size_t off)
{
	lead_add(&s->f, off);
	walk_leads(s, NULL);
	s->f.nlead = 0;
}

/* Everything from the first byte to the last, gaps included: all of it must fit together. */
static void walk_through(struct scan *s)
{
	struct function *f = &s->f;
	size_t off = 0;

	while (off < function_size(s) && !f->broken) {
		if (f->mark[off] == UNSEEN)
			walk_from(s, off);
		if (f->mark[off] == INSIDE)
			f->broken = true;
		off += f->mark[off];
	}
}

static void function_open(struct scan *s, const struct span *at)
{
	struct function *f = &s->f;
	size_t size = at->end - at->start;

	if (size > f->room) {
		free(f->mark);
		free(f->text);
		f->mark = xmalloc(size);
		f->text = xmalloc(size);
		f->room = size;
	}
	memset(f->mark, UNSEEN, size);
	f->at = *at;
	f->indirect = false;
	f->nlead = 0;
	f->broken = s->src->read(s->src->ctx, at->start, f->text, size) != 0;
	lead_add(f, 0);
}

/* What can be reached from the start by direct branches is code. Only where a jump goes to a place
 * that cannot be told is the rest taken for code too, if all of the function decodes consistently:
 * elsewhere nothing leads to it, and it may be data. */
static void function_walk(struct scan *s)
{
	walk_leads(s, NULL);
	if (s->f.indirect && !s->f.broken)
		walk_through(s);
}

/* ---- the scan ---- */

enum verdict { SITE, REFUTED, UNVERIFIED, OUTSIDE };

/* The candidate's 0f byte is at `off` of the function that was walked. */
static enum verdict judge(struct scan *s, size_t off, struct insn_site *ret)
{
	const uint8_t *mark = s->f.mark, *text = s->f.text;
	struct insn_op op;
	size_t at = off;

	if (s->f.broken || mark[off] == UNSEEN)
		return UNVERIFIED;
	while (mark[at] == INSIDE)
		at--;
	if (insn_decode(text + at, function_size(s) - at, s->f.at.start + at, &op) != mark[at])
		return REFUTED;
	if (op.opcode != off - at || !(s->kinds & INSN_BIT(op.kind)))
		return REFUTED;
	*ret = (struct insn_site){ .vaddr = s->f.at.start + at, .len = op.len, .kind = op.kind };
	memcpy(ret->bytes, text + at, op.len);
	return SITE;
}

/* Nothing leads to the candidate that can be seen: a landing pad, a part split off, or data. If all of
 * the function decodes consistently and the candidate is inside of an instruction, that much is told;
 * but it makes no site. What was walked is mixed with guesses then, and forgotten. */
static enum verdict judge_unreached(struct scan *s, size_t off)
{
	struct insn_site site;
	enum verdict v;

	walk_through(s);
	v = judge(s, off, &site);
	s->f.at = (struct span){ 0 };
	return v == REFUTED ? REFUTED : UNVERIFIED;
}

/* Nearly always the candidate is the distance of a jump, and the walk need not come to its end: it has been
 * inside of an instruction that is reached. Only what may be a site is worth the proof of the whole. */
static bool refuted_early(struct scan *s, size_t off)
{
	struct function *f = &s->f;
	struct insn_op op;
	size_t at = off;

	walk_leads(s, &f->mark[off]);
	if (f->broken || f->mark[off] != INSIDE)
		return false;
	while (f->mark[at] == INSIDE)
		at--;
	return !insn_decode(f->text + at, function_size(s) - at, f->at.start + at, &op);
}

static enum verdict examine(struct scan *s, size_t off, struct insn_site *ret)
{
	const struct insn_source *src = s->src;
	uint64_t at = src->vaddr + off;
	struct span f;

	if (s->f.at.end <= at || s->f.at.start > at) {
		if (!object_function(s, at, &f))
			return OUTSIDE;
		if (f.start < src->vaddr || f.end > src->vaddr + src->len || f.end - f.start > TABLE_MAX)
			return UNVERIFIED;
		function_open(s, &f);
	}
	off = at - s->f.at.start;
	if (refuted_early(s, off))
		return REFUTED;
	function_walk(s);
	if (!s->f.broken && s->f.mark[off] == UNSEEN)
		return judge_unreached(s, off);
	return judge(s, off, ret);
}

/* 0f and a fitting second byte are at `off` of the segment: at `text`, behind which `left` bytes can be read, and
 * before it two. The prefixes, which make an rdpid of an rdseed, are not looked at before the walk tells where
 * the instruction starts. */
static void candidate(struct scan *s, size_t off, const uint8_t *text, size_t left)
{
	unsigned c7 = INSN_BIT(INSN_RDRAND) | INSN_BIT(INSN_RDSEED) | INSN_BIT(INSN_RDPID);
	struct insn_site site;
	struct insn_op op;

	if (!insn_decode(text, left, 0, &op))
		return;
	if (op.kind == INSN_RDSEED && !(s->kinds & INSN_BIT(INSN_RDSEED)) && text[-1] != 0xf3 && text[-2] != 0xf3)
		return;
	if (!(s->kinds & INSN_BIT(op.kind)) && !(s->kinds & c7 && INSN_BIT(op.kind) & c7))
		return;
	s->stats.candidates++;
	switch (examine(s, off, &site)) {
	case SITE:
		s->site = scan_grown(s->site, s->nsite, &s->site_room, sizeof(*s->site));
		s->site[s->nsite++] = site;
		s->stats.sites++;
		break;
	case REFUTED:
		s->stats.refuted++;
		break;
	case OUTSIDE:
		s->stats.outside++;
		/* fall through */
	case UNVERIFIED:
		s->stats.unverified++;
		s->stats.unverified_cpuid += op.kind == INSN_CPUID;
		break;
	}
}

/* The second bytes of the kinds that are wanted. */
static int second_bytes(unsigned kinds, uint8_t set[5])
{
	static const struct { unsigned kinds; uint8_t byte; } second[] = {
		{ INSN_BIT(INSN_CPUID), 0xa2 },
		{ INSN_BIT(INSN_RDRAND) | INSN_BIT(INSN_RDSEED) | INSN_BIT(INSN_RDPID), 0xc7 },
		{ INSN_BIT(INSN_LSL), 0x03 },
		{ INSN_BIT(INSN_RDTSC), 0x31 },
		{ INSN_BIT(INSN_RDTSCP), 0x01 },
	};
	int n = 0;

	for (size_t i = 0; i < countof(second); i++)
		if (kinds & second[i].kinds)
			set[n++] = second[i].byte;
	return n;
}

/* A bit for each of 32 places that hold 0f and then one of the set; 33 bytes are read. */
typedef uint32_t pairs_fn(const uint8_t *at, const uint8_t *set, int n);

static uint32_t pairs16(const uint8_t *at, const uint8_t *set, int n)
{
	__m128i first = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)at), _mm_set1_epi8(0x0f));
	__m128i second = _mm_loadu_si128((const __m128i *)(at + 1)), any = _mm_setzero_si128();

	for (int i = 0; i < n; i++)
		any = _mm_or_si128(any, _mm_cmpeq_epi8(second, _mm_set1_epi8((char)set[i])));
	return (uint32_t)_mm_movemask_epi8(_mm_and_si128(any, first));
}

static uint32_t pairs_sse2(const uint8_t *at, const uint8_t *set, int n)
{
	return pairs16(at, set, n) | pairs16(at + 16, set, n) << 16;
}

__attribute__((target("avx2")))
static uint32_t pairs_avx2(const uint8_t *at, const uint8_t *set, int n)
{
	__m256i first = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)at), _mm256_set1_epi8(0x0f));
	__m256i second = _mm256_loadu_si256((const __m256i *)(at + 1)), any = _mm256_setzero_si256();

	for (int i = 0; i < n; i++)
		any = _mm256_or_si256(any, _mm256_cmpeq_epi8(second, _mm256_set1_epi8((char)set[i])));
	return (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(any, first));
}

/* Text is read in pieces that stay in the cache, with what a decision at their edges needs of their neighbours. */
#define PIECE  (128u << 10)
#define BEFORE 2

struct piece {
	size_t off, len;                /* in the segment; places of candidates */
	size_t left;                    /* bytes from `off` on */
	uint8_t bytes[BEFORE + PIECE + INSN_MAX + 33];
};

/* As much of a piece as can be read: a mapping may reach beyond the end of its file. */
static void piece_read(struct scan *s, struct piece *p, size_t off)
{
	const struct insn_source *src = s->src;
	uint8_t *at = p->bytes + BEFORE;
	size_t want = min_of(src->len - off, (size_t)PIECE + INSN_MAX), got = 0;

	memset(p->bytes, 0, BEFORE);
	if (off)
		memcpy(p->bytes, at + PIECE - BEFORE, BEFORE);
	if (!src->read(src->ctx, src->vaddr + off, at, want))
		got = want;
	for (size_t n; got < want; got += n) {
		n = min_of((size_t)(PAGE - (src->vaddr + off + got) % PAGE), want - got);
		if (src->read(src->ctx, src->vaddr + off + got, at + got, n))
			break;
	}
	p->off = off;
	p->left = got;
	p->len = min_of(got, (size_t)PIECE);
	memset(at + got, 0, 33);
}

static void scan_piece(struct scan *s, const struct piece *p, pairs_fn *pairs, const uint8_t *set, int n)
{
	const uint8_t *text = p->bytes + BEFORE;

	for (size_t off = 0; off < p->len; off += 32) {
		for (uint32_t m = pairs(text + off, set, n); m; m &= m - 1) {
			size_t at = off + (size_t)__builtin_ctz(m);

			if (at < p->len)
				candidate(s, p->off + at, text + at, p->left - at);
		}
	}
}

static void scan_text(struct scan *s)
{
	pairs_fn *pairs = __builtin_cpu_supports("avx2") ? pairs_avx2 : pairs_sse2;
	struct piece *p = xmalloc(sizeof(*p));
	uint8_t set[5];
	int n = second_bytes(s->kinds, set);

	for (size_t off = 0; n && off < s->src->len; off += PIECE) {
		piece_read(s, p, off);
		scan_piece(s, p, pairs, set, n);
		if (p->len < PIECE)
			break;
	}
	free(p);
}

static void scan_free(struct scan *s)
{
	for (size_t i = 0; i < PAGES; i++)
		free(s->page[i].bytes);
	free(s->span);
	free(s->f.mark);
	free(s->f.text);
	free(s->f.lead);
	free(s);
}

int insn_scan(const struct insn_source *src, unsigned kinds_mask, struct insn_site **ret_sites,
              size_t *ret_n, struct insn_stats *ret_stats)
{
	struct scan *s = xcalloc(1, sizeof(*s));

	s->src = src;
	s->kinds = kinds_mask;
	if (!ZYAN_SUCCESS(ZydisDecoderInit(&s->decoder, ZYDIS_MACHINE_MODE_LONG_64,
	                                   ZYDIS_STACK_WIDTH_64))) {
		scan_free(s);
		return -ENOTSUP;
	}
	object_open(s);
	scan_text(s);
	*ret_sites = s->site;
	*ret_n = s->nsite;
	if (ret_stats)
		*ret_stats = s->stats;
	scan_free(s);
	return 0;
}
