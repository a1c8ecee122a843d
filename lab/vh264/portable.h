/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stream writer is plain C: this header is all it needs of the kernel,
 * or of libc when it is built as a test program.
 */
#ifndef VH264_PORTABLE_H
#define VH264_PORTABLE_H

#ifdef __KERNEL__

#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#define load64(p)	get_unaligned_le64(p)
#define store64(v, p)	put_unaligned_le64(v, p)
#define breathe()	cond_resched()

#else /* a little-endian host's user space */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

static inline u64 load64(const void *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void store64(u64 v, void *p)
{
	memcpy(p, &v, sizeof(v));
}

#define breathe()	do { } while (0)
#define min(a, b)	((a) < (b) ? (a) : (b))

#endif

#endif
