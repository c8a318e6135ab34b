/*
 * What all hosts share: assigning guest slots to a host's pins.
 */
#include "host/host.h"

#include <string.h>

void host_config_init(struct host_config *cfg, const struct host_isa *h, const uint8_t *pin_int, unsigned nint, const uint8_t *pin_fp, unsigned nfp,
                      unsigned max_pins)
{
    unsigned ni = h->max_pin_int, nf = h->max_pin_fp;
    memset(cfg, 0, sizeof *cfg);
    memset(cfg->reg_of_slot, -1, sizeof cfg->reg_of_slot);
    if (max_pins && ni > max_pins)
        ni = max_pins;
    if (max_pins && nf > max_pins)
        nf = max_pins;
    cfg->npin_int = (uint8_t)(nint < ni ? nint : ni);
    cfg->npin_fp = (uint8_t)(nfp < nf ? nfp : nf);
    for (unsigned i = 0; i < cfg->npin_int; i++) {
        cfg->pin_int[i] = pin_int[i];
        cfg->reg_of_slot[pin_int[i]] = (int8_t)i;
    }
    for (unsigned i = 0; i < cfg->npin_fp; i++) {
        cfg->pin_fp[i] = pin_fp[i];
        cfg->reg_of_slot[pin_fp[i]] = (int8_t)(16 + i);
    }
    cfg->features = h->features();
}
