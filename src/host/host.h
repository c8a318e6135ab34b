/*
 * What a host processor supplies: IR functions in, relocatable machine code out.
 *
 * Emitted code is position-independent but for references to the common stubs.  It follows one convention:
 *
 *   - a fixed register points to struct cpu; a fixed set of host registers ("pins") holds the most used guest slots
 *     all the time; every other slot lives in struct cpu.  At each guest instruction boundary every slot is in its home,
 *     so that code can be left, entered, interrupted and inspected there without bookkeeping;
 *   - it is entered through enter() and left through stubs which return an exit kind to the caller of enter();
 *   - a block ends in jumps that first leave (links).  The engine has them rewritten, one aligned store each, while any thread may be
 *     executing them: the only changes that are made to code after it was published;
 *   - anything rare or awkward is a "bail": the block is left before the guest instruction had any effect and the engine
 *     interprets that instruction.  Floating-point flags that the instruction raises in any case may have been raised already.
 */
#ifndef BTV_HOST_HOST_H
#define BTV_HOST_HOST_H

#include "base/err.h"
#include "ir/ir.h"

/* Why emitted code came back. */
enum host_exit {
    HOST_EXIT_LINK,      /* cpu->exit_value: the host address that names the link, which is not made or not to be followed */
    HOST_EXIT_INDIRECT,  /* cpu->exit_value: guest pc not in the jump table; cpu->exit_link: the name of the jump's cache, or NULL */
    HOST_EXIT_SYSCALL,   /* cpu->exit_value: guest pc after the call */
    HOST_EXIT_ISYNC,     /* cpu->exit_value: guest pc to continue at */
    HOST_EXIT_BAIL,      /* cpu->exit_value: guest pc of an instruction to interpret */
    HOST_EXIT_INTERRUPT, /* cpu->exit_value: guest pc to continue at; cpu->pending was set */
    HOST_EXIT_TRAP,      /* cpu->trap; cpu->exit_value: guest pc */
    HOST_EXIT_COUNT
};

/*
 * One direct jump of a block to another.  Unmade it is a call of a stub, so that the address behind it tells which it is: its name.
 * A poll for requests in front of a jump backward leaves in the same way from right behind it: HOST_POLL_BYTES after the name.
 * The inline cache of an indirect jump has a name, too, but no entry in host_code.link: nobody asks where it leads before it is filled.
 */
struct host_link {
    uint32_t at; /* its name, as an offset in the code */
    uint64_t pc; /* where it leads */
};
#define HOST_POLL_BYTES 5

/* Bytes of the jump or call in front of the name. */
#define HOST_LINK_BYTES 5

/*
 * In front of its first instruction a block has room for one more link, to whatever took its place: a block that must not run any more
 * is closed, so that whoever enters it comes there.  Its name is the address of the first instruction.
 */
#define HOST_FRONT_BYTES HOST_LINK_BYTES
#define HOST_CLOSE_BYTES 2 /* of its first instruction are written over then */

/* A field of 32 bits in the code: the distance of a stub from behind it. */
struct host_reloc {
    uint32_t offset;
    uint16_t stub; /* the host's own number */
};

/*
 * Where each guest instruction starts in the code; ordered by offset.  Two in a row with one pc: what stands between them works ahead
 * for the guest.  A fault there is nobody's; the code goes on at the second.
 */
struct host_mark {
    uint64_t pc_delta; /* guest pc = entry pc + pc_delta */
    uint32_t offset;
    bool may_fault;    /* its code accesses guest memory */
};

/* A slot whose home does not hold its value yet: where the value is. */
enum host_where { HOST_IN_REG, HOST_IS_CONST };
struct host_loc {
    uint8_t slot, where, reg; /* reg: the host's own number, as for context_reg */
    uint64_t imm;
};
/* If the code faults at `offset` or behind it, but before the next of these: what must be put home first. */
struct host_recovery {
    uint32_t offset;
    uint32_t first, n; /* in host_code.loc */
};

#define HOST_NO_SLOT 0xff /* in host_config.pin_*: no slot; a region uses the register as a temporary */

#define HOST_MAX_LINKS 24         /* of one block */
#define HOST_MAX_REGION_LINKS 250 /* of a region */
#define HOST_AHEAD_ROUNDS 32      /* of a loop, in code made under host_config.one_vector */
#define HOST_EXTRA_MARKS 2        /* besides one for each guest instruction */

struct host_config;

struct host_code {
    uint8_t *bytes; /* in the arena given to emit */
    uint32_t len;
    uint32_t hot_len; /* the rest is cold paths */
    struct host_reloc *reloc;
    unsigned nreloc;
    struct host_mark *mark;
    unsigned nmarks;
    bool alone;        /* the code counts on host_config.alone */
    struct host_recovery *recovery; /* of a region, in order of offset */
    struct host_loc *loc;
    unsigned nrecovery, nloc;
    const struct host_config *pins; /* of a region: the pins inside it; NULL: those of the engine */
    struct host_link *link; /* in order of `at` */
    unsigned nlinks;
};

/* Fixed while an engine lives: which slot sits in which register, and what may be used. */
struct host_config {
    unsigned features;  /* host-specific mask of what emitted code may use */
    uint8_t npin_int, npin_fp;
    uint8_t pin_int[16], pin_fp[16]; /* slot numbers, in the order of the host's own register list */
    int8_t reg_of_slot[CPU_SLOTS];   /* index into the pins (fp ones from 16 on), -1: in memory */
    bool no_ahead;                   /* code that may change: no work ahead for the guest (host_mark) */
    bool one_vector;                 /* check: not more ahead than HOST_AHEAD_ROUNDS */
    bool no_self_loop;               /* chaos, check and code that may change: leave through the dispatcher at every block end */
    bool no_calls;                   /* check: what a helper does is left to the interpreter, which comes to the same result once only */
    const struct host_config *outer; /* pins where a region is entered and left, if it has pins of its own; NULL: this one's */
    bool alone;                      /* no other processor looks at this memory: atomics need no lock, fences no code */
};

#define HOST_MAX_STUBS 24

/* The code every block shares: entry, exits, constants.  Emitted once per engine. */
struct host_stubs {
    uint8_t *bytes;
    uint32_t len;
    uint32_t offset[HOST_MAX_STUBS]; /* by the host's own stub numbers */
    uint32_t enter;                  /* enum host_exit enter(struct cpu *, void *code), C calling convention */
    uint32_t indirect;               /* what empty jump-table entries point at: returns HOST_EXIT_INDIRECT */
    uint32_t fault;                  /* where a fault handler resumes: returns HOST_EXIT_TRAP */
};

struct host_isa {
    const char *name;
    unsigned (*features)(void); /* of this machine */
    unsigned max_pin_int, max_pin_fp;
    /* Names of features for --stats and docs; feature bit i -> name or NULL. */
    const char *(*feature_name)(unsigned bit);
    enum btv_status (*stubs)(struct arena *a, const struct host_config *cfg, struct host_stubs *out);
    /*
     * f must have passed the verifier; a function of several blocks has a MARK at the start of each, and no value is used in
     * another block than its own.  A call (GOTO or GOTOIND with a return pc) comes back to the block that starts there, if one does.
     * BTV_NOMEM; BTV_LIMIT when there is too much of it (lift fewer instructions).
     */
    enum btv_status (*emit)(struct arena *a, const struct host_config *cfg, struct ir_func *f, struct host_code *out);
    /* Prepares cpu->host_fp from cpu->fp before enter(); false: the rounding mode needs the interpreter. */
    bool (*fp_enter)(struct cpu *cpu);
    /* Folds the host's sticky flags back into cpu->fp.flags after enter(). */
    void (*fp_leave)(struct cpu *cpu);
    /* In a host signal handler whose context lies in a block's code: copies the pins to their slots. */
    void (*save_context)(const struct host_config *cfg, struct cpu *cpu, const void *ucontext);
    /* A register of such a context: general ones 0..15, low 64 bits of vector ones 16..31. */
    uint64_t (*context_reg)(const void *ucontext, unsigned reg);
    /* Host pc of a signal context; and redirecting it to `pc`. */
    uint64_t (*context_pc)(const void *ucontext);
    void (*context_set_pc)(void *ucontext, uint64_t pc);
    /* Does this context fault on the shadow return stack's guard?  Then resets the stack and returns true (resume). */
    bool (*return_stack_fault)(struct cpu *cpu, void *ucontext, uint64_t addr);
    /*
     * Changes of published code.  `code` is where code memory is seen, beginning with the stubs (to be written to, unless it is const); all
     * else are offsets in it: the name of a link or cache, and where it is to lead.  Each is one store of eight aligned bytes, of two
     * for close, and may come at any time; a thread that is executing just there sees all of it or nothing.
     */
    uint32_t (*link_target)(const struct host_stubs *s, const uint8_t *code, uint32_t link); /* 0: it is not made */
    void (*link_make)(const struct host_stubs *s, uint8_t *code, uint32_t block, uint32_t link, uint32_t to); /* block: where its code starts */
    /*
     * Before the code is published: a link that is not made holds a small number, until it is made.  False: not this link, or not this number.
     * link_noted reads it; false: the link holds none.
     */
    bool (*link_note)(const struct host_stubs *s, uint8_t *code, uint32_t link, int64_t note);
    bool (*link_noted)(const struct host_stubs *s, const uint8_t *code, uint32_t link, int64_t *note);
    void (*front_create)(const struct host_stubs *s, uint8_t *code, uint32_t link); /* the link in front of a block, unmade */
    bool (*cache_filled)(const uint8_t *code, uint32_t cache);
    /* The first cache in this piece of code, 0: there is none; and the pc that it knows, CPU_NO_PC: it is not filled. */
    uint32_t (*cache_find)(const uint8_t *code, uint32_t start, uint32_t end, uint64_t *pc);
    /* After link_make: indirect jumps to pc lead there. */
    void (*cache_fill)(uint8_t *code, uint32_t cache, uint64_t pc);
    /* The first instruction of a block becomes a jump to the link in front of it. */
    void (*close)(uint8_t *code, uint32_t entry);
    /* For listings: the register of integer pin i, or of floating-point pin i - 16; the stub or constant of a host_reloc. */
    const char *(*pin_name)(unsigned i);
    const char *(*stub_name)(unsigned i);
    /* One line of disassembly; its length in bytes. */
    unsigned (*disasm)(struct str *s, const uint8_t *p, size_t len, uint64_t pc);
};

extern const struct host_isa host_x64;

/* Fills cfg's pins from the guest's lists; max_pins 0: as many as the host has. */
void host_config_init(struct host_config *cfg, const struct host_isa *h, const uint8_t *pin_int, unsigned nint, const uint8_t *pin_fp, unsigned nfp,
                      unsigned max_pins);

#define HOST_RETURN_STACK_BYTES (64 * 1024)

#endif
