/* spin-kinds.c KIND [TRAPS] - a thread loops until another one sets a flag, after 5 ms, four times; each loop prints how far
 * it came. In some of them nothing changes from round to round: these are spins. The others look like ones. TRAPS says what
 * the program does about SIGTRAP meanwhile, which nobody may change: blocked, handled, both, ignored. */
#include "race.h"

static volatile int flag;
static volatile uint64_t count;

/* BODY is one round; `reg` is the progress, if there is one in a register. */
#define LOOP(body) \
    __asm__ volatile("1:\n\t" body "\n\tcmpl $0, %1\n\tje 1b" : "+r"(reg) : "m"(flag), "m"(count) : \
                     "memory", "cc", "rax", "rcx", "rdx", "rdi", "xmm6", "xmm7")

static uint64_t memory(uint64_t reg)   { count = 0; LOOP("lock incq %2"); return count; }
static uint64_t in_register(uint64_t reg)      { LOOP("incq %0"); return reg; }
static uint64_t vector(uint64_t reg)
{
    __asm__ volatile("pcmpeqd %%xmm6, %%xmm6\n\tpxor %%xmm7, %%xmm7" : : : "xmm6", "xmm7");
    LOOP("psubq %%xmm6, %%xmm7");
    __asm__ volatile("movq %%xmm7, %0" : "=r"(reg) : : "xmm7");
    return reg;
}
static uint64_t x87(uint64_t reg)
{
    uint64_t n = 0;
    __asm__ volatile("fldz" : : : "st");
    LOOP("fld1\n\tfaddp");
    __asm__ volatile("fistpll %0" : "=m"(n) : : "st", "memory");
    return n;
}
/* The word is the same at the end of each round, but not in between; the progress is beside it. */
static uint64_t stack(uint64_t reg)    { count = 0; LOOP("pushq %2\n\tpopq %%rax\n\tincq %%rax\n\tmovq %%rax, %2"); return count; }
static uint64_t strings(uint64_t reg)
{
    static uint64_t field[8];
    __asm__ volatile("1:\n\tmovq %2, %%rdi\n\tmovq $8, %%rcx\n\tmovq %0, %%rax\n\trep stosq\n\tincq %0\n\t"
                     "cmpl $0, %1\n\tje 1b" : "+r"(reg) : "m"(flag), "r"(field) : "memory", "cc", "rax", "rcx", "rdi");
    return reg;
}
/* The trap flag of a step would show in it. */
static uint64_t flags(uint64_t reg)
{
    LOOP("pushfq\n\tpopq %%rax\n\tandq $0x100, %%rax\n\taddq %%rax, %0");
    return reg;
}
/* The bit lies beyond the word that the operand names. */
static volatile uint64_t bits[4];
static uint64_t bit(uint64_t reg)
{
    __asm__ volatile("1:\n\tbtcq %0, %1\n\tcmpl $0, %2\n\tje 1b" : : "r"(100ul), "m"(bits[0]), "m"(flag) : "memory", "cc");
    return bits[1] + reg;
}
static uint64_t pure(uint64_t reg)     { LOOP("pause"); return reg; }
static uint64_t same(uint64_t reg)
{
    count = 7;
    LOOP("movq $7, %2\n\tmovq %%rsp, -8(%%rsp)\n\txorl %%eax, %%eax\n\tlock cmpxchgq %0, %2");
    return reg;
}
static uint64_t nothing(uint64_t reg)  { while (!flag) ; return reg; }

static const struct { const char *name; uint64_t (*loop)(uint64_t); } kinds[] = {
    { "memory", memory }, { "register", in_register }, { "vector", vector }, { "x87", x87 }, { "stack", stack },
    { "string", strings }, { "bit", bit }, { "flags", flags }, { "pause", pure }, { "same", same }, { "nothing", nothing },
};

/* --- SIGTRAP --- */

static volatile sig_atomic_t traps;
static int block, handle, ignore;

static void on_trap(int sig)
{
    (void)sig;
    traps++;
}

static void prepare_traps(const char *how)
{
    block = !strcmp(how, "blocked") || !strcmp(how, "both");
    handle = !strcmp(how, "handled") || !strcmp(how, "both");
    ignore = !strcmp(how, "ignored");
    if (handle || ignore)
        signal(SIGTRAP, ignore ? SIG_IGN : on_trap);
}

static void check_traps(void)
{
    struct sigaction sa;
    sigset_t mask, trap;
    must(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGTRAP) == block);
    must(sigaction(SIGTRAP, NULL, &sa) == 0);
    must(sa.sa_handler == (handle ? on_trap : ignore ? SIG_IGN : SIG_DFL));
    if (!handle)
        return;
    sigemptyset(&trap);
    sigaddset(&trap, SIGTRAP);
    pthread_sigmask(SIG_UNBLOCK, &trap, NULL);
    raise(SIGTRAP);
    must(traps == 1);
}

static uint64_t (*loop)(uint64_t);
static atomic_int round_of;

static void run(int id)
{
    for (int i = 1; i <= 4; i++) {
        if (id == 0) {
            struct timespec t = { 0, 5000000 };
            nanosleep(&t, NULL);
            flag = 1;
            while (atomic_load(&round_of) < i)
                sched_yield();
        } else {
            if (block && i == 1) {
                sigset_t all;
                sigfillset(&all);
                pthread_sigmask(SIG_BLOCK, &all, NULL);
            }
            printf("%lu ", (unsigned long)loop(0));
            if (i == 4)
                check_traps();
            flag = 0;
            atomic_store(&round_of, i);
        }
    }
}

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (argc >= 2 && strcmp(argv[1], kinds[i].name) == 0)
            loop = kinds[i].loop;
    if (!loop)
        return 2;
    prepare_traps(argc > 2 ? argv[2] : "");
    race(2, run);
    puts("");
    return 0;
}
