// SPDX-License-Identifier: MIT
// The vDSO's file, which is mapped with liblinux's text (liblinux.ld, protocols/layout.h: LIBLINUX_VDSO).
    .section .vdso, "ax"
    .incbin VDSO_FILE
