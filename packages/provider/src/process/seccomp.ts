/** System calls that no function needs and that reach deep into the kernel, by their numbers (asm/unistd_64.h; asm-generic/unistd.h). */
const REFUSED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  x64: {
    unshare: 272,
    setns: 308,
    mount: 165,
    umount2: 166,
    pivot_root: 155,
    ptrace: 101,
    process_vm_readv: 310,
    process_vm_writev: 311,
    keyctl: 250,
    add_key: 248,
    request_key: 249,
    bpf: 321,
    perf_event_open: 298,
    userfaultfd: 323,
    io_uring_setup: 425,
    kexec_load: 246,
    init_module: 175,
    finit_module: 313,
    open_by_handle_at: 304,
    open_tree: 428,
    move_mount: 429,
    fsopen: 430,
    fsconfig: 431,
    fsmount: 432,
    mount_setattr: 442,
  },
  arm64: {
    unshare: 97,
    setns: 268,
    mount: 40,
    umount2: 39,
    pivot_root: 41,
    ptrace: 117,
    process_vm_readv: 270,
    process_vm_writev: 271,
    keyctl: 219,
    add_key: 217,
    request_key: 218,
    bpf: 280,
    perf_event_open: 241,
    userfaultfd: 282,
    io_uring_setup: 425,
    kexec_load: 104,
    init_module: 105,
    finit_module: 273,
    open_by_handle_at: 265,
    open_tree: 428,
    move_mount: 429,
    fsopen: 430,
    fsconfig: 431,
    fsmount: 432,
    mount_setattr: 442,
  },
}

/** `AUDIT_ARCH_X86_64` and `AUDIT_ARCH_AARCH64` (linux/audit.h), and the numbers of `clone` and `clone3`. */
const ARCH: Readonly<Record<string, { readonly audit: number; readonly clone: number; readonly clone3: number }>> = {
  x64: { audit: 0xc000003e, clone: 56, clone3: 435 },
  arm64: { audit: 0xc00000b7, clone: 220, clone3: 435 },
}

const LOAD = 0x20 // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_ATLEAST = 0x35 // BPF_JMP | BPF_JGE | BPF_K
const JUMP_ANY_BIT = 0x45 // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06 // BPF_RET | BPF_K
const ALLOW = 0x7fff0000
const KILL = 0x80000000
const EPERM = 0x00050001
const ENOSYS = 0x00050026
const CLONE_NEWUSER = 0x10000000
/** x32 calls on x86-64 have this bit set; there is no x32 program in a sandbox. */
const X32 = 0x40000000
const OFFSET_NUMBER = 0
const OFFSET_ARCH = 4
const OFFSET_ARGUMENT0 = 16

type Instruction = readonly [code: number, whenTrue: number, whenFalse: number, value: number]

function program(arch: { readonly audit: number; readonly clone: number; readonly clone3: number }, refused: readonly number[]): Instruction[] {
  return [
    [LOAD, 0, 0, OFFSET_ARCH],
    [JUMP_EQUAL, 1, 0, arch.audit],
    [RETURN, 0, 0, KILL],
    [LOAD, 0, 0, OFFSET_NUMBER],
    [JUMP_ATLEAST, 0, 1, X32],
    [RETURN, 0, 0, ENOSYS],
    ...refused.flatMap((number): Instruction[] => [
      [JUMP_EQUAL, 0, 1, number],
      [RETURN, 0, 0, EPERM],
    ]),
    // The flags of clone3 are behind a pointer, where a filter cannot look: glibc takes "not there" as an answer and uses clone.
    [JUMP_EQUAL, 0, 1, arch.clone3],
    [RETURN, 0, 0, ENOSYS],
    [JUMP_EQUAL, 0, 3, arch.clone],
    [LOAD, 0, 0, OFFSET_ARGUMENT0],
    [JUMP_ANY_BIT, 0, 1, CLONE_NEWUSER],
    [RETURN, 0, 0, EPERM],
    [RETURN, 0, 0, ALLOW],
  ]
}

/**
 * A filter for bubblewrap's `--seccomp` (classic BPF over `struct seccomp_data`, seccomp(2)): no new user namespaces, mounts, tracing, kernel
 * keys, BPF, modules or io_uring inside a sandbox. They answer EPERM, so that programs that merely try them go on.
 * @returns `undefined` on an architecture that there is no table for
 */
export function seccompProgram(architecture: string): Uint8Array | undefined {
  const arch = ARCH[architecture]
  const refused = REFUSED[architecture]
  if (arch === undefined || refused === undefined) return undefined
  const instructions = program(arch, Object.values(refused))
  const bytes = Buffer.alloc(instructions.length * 8)
  instructions.forEach(([code, whenTrue, whenFalse, value], index) => {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(whenTrue, index * 8 + 2)
    bytes.writeUInt8(whenFalse, index * 8 + 3)
    bytes.writeUInt32LE(value, index * 8 + 4)
  })
  return bytes
}
