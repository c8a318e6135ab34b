/*
 * The version of the format, text and binary alike.  docs/ir.md says what each number promises.
 */
#ifndef BTV_IR_VERSION_H
#define BTV_IR_VERSION_H

enum { IR_VERSION_MAJOR = 0, IR_VERSION_MINOR = 1 };

#endif
