/* operands.c - see operands.h. */
#include "monitor/operands.h"

static const unsigned long long *value_of(const struct user_regs_struct *r, ZydisRegister reg)
{
	switch (reg) {
	case ZYDIS_REGISTER_RAX: return &r->rax;
	case ZYDIS_REGISTER_RBX: return &r->rbx;
	case ZYDIS_REGISTER_RCX: return &r->rcx;
	case ZYDIS_REGISTER_RDX: return &r->rdx;
	case ZYDIS_REGISTER_RSI: return &r->rsi;
	case ZYDIS_REGISTER_RDI: return &r->rdi;
	case ZYDIS_REGISTER_RBP: return &r->rbp;
	case ZYDIS_REGISTER_RSP: return &r->rsp;
	case ZYDIS_REGISTER_R8:  return &r->r8;
	case ZYDIS_REGISTER_R9:  return &r->r9;
	case ZYDIS_REGISTER_R10: return &r->r10;
	case ZYDIS_REGISTER_R11: return &r->r11;
	case ZYDIS_REGISTER_R12: return &r->r12;
	case ZYDIS_REGISTER_R13: return &r->r13;
	case ZYDIS_REGISTER_R14: return &r->r14;
	case ZYDIS_REGISTER_R15: return &r->r15;
	default:                 return NULL;
	}
}

bool operand_address(const struct user_regs_struct *r, const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
                     uint64_t *ret)
{
	const unsigned long long *base = value_of(r, op->mem.base), *index = value_of(r, op->mem.index);
	uint64_t at = op->mem.disp.has_displacement ? op->mem.disp.value : 0;

	if (op->mem.type == ZYDIS_MEMOP_TYPE_VSIB || (op->mem.index != ZYDIS_REGISTER_NONE && !index))
		return false;
	if (op->mem.base == ZYDIS_REGISTER_RIP)
		at += r->rip + in->length;
	else if (base)
		at += *base;
	else if (op->mem.base != ZYDIS_REGISTER_NONE)
		return false;
	if (index)
		at += *index * op->mem.scale;
	if (op->mem.segment == ZYDIS_REGISTER_FS)
		at += r->fs_base;
	if (op->mem.segment == ZYDIS_REGISTER_GS)
		at += r->gs_base;
	*ret = at;
	return true;
}

bool operands_decode(struct task *t, ZydisDecodedInstruction *ret, ZydisDecodedOperand *op)
{
	static ZydisDecoder decoder;
	static bool ready;
	uint8_t bytes[INSN_MAX];
	size_t n = guest_read_some(t, t->regs.rip, bytes, sizeof(bytes));

	if (!ready)
		must(ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
	ready = true;
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, n, ret, op));
}
