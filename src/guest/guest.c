/*
 * The guests of this build.
 */
#include "guest/guest.h"

#include <string.h>

struct guest_hostcall guest_hostcall;

const struct guest_isa *const guest_all[] = {&guest_riscv64, NULL};

const struct guest_isa *guest_by_name(const char *name)
{
    for (const struct guest_isa *const *g = guest_all; *g; g++)
        if (!strcmp((*g)->name, name))
            return *g;
    return NULL;
}

const struct guest_isa *guest_by_machine(uint16_t elf_machine)
{
    for (const struct guest_isa *const *g = guest_all; *g; g++)
        if ((*g)->elf_machine == elf_machine)
            return *g;
    return NULL;
}
