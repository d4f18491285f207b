import { spawn } from 'node:child_process'
import { findProgram } from '../program/find-program.ts'

/** What a program of a build may see. */
export interface SandboxView {
  /** Directories that it may write. */
  readonly writable: readonly string[]
  /** Files and directories that it may read, beside the system's programs. */
  readonly readable: readonly string[]
  readonly network: boolean
}

/** How to call a program: directly or through a sandbox. */
export interface Invocation {
  readonly command: string
  readonly args: readonly string[]
}

const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']
const SYSTEM_FILES = [
  'resolv.conf',
  'hosts',
  'nsswitch.conf',
  'passwd',
  'group',
  'ssl',
  'pki',
  'ca-certificates',
  'ca-certificates.conf',
  'alternatives',
  'ld.so.cache',
  'localtime',
]

/** Arguments of bubblewrap for a view: a new user, process, network (unless wanted) and mount namespace with nothing in it but what is named. */
export function bubblewrapArgs(view: SandboxView): readonly string[] {
  const readable = [...SYSTEM, ...SYSTEM_FILES.map((name) => `/etc/${name}`)].flatMap((path) => ['--ro-bind-try', path, path])
  const network = view.network ? ['--share-net'] : []
  return [
    '--unshare-all',
    ...network,
    '--die-with-parent',
    '--new-session',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
    ...readable,
    ...view.readable.flatMap((path) => ['--ro-bind-try', path, path]),
    ...view.writable.flatMap((path) => ['--bind', path, path]),
  ]
}

/** Puts a call into the sandbox, when there is a bubblewrap that works here. */
export async function sandboxed(call: Invocation, view: SandboxView, program = 'bwrap'): Promise<Invocation & { readonly isolated: boolean }> {
  const bubblewrap = await findProgram(program)
  if (bubblewrap === undefined || !(await works(bubblewrap, view))) return { ...call, isolated: false }
  return { command: bubblewrap, args: [...bubblewrapArgs(view), '--', call.command, ...call.args], isolated: true }
}

/** User namespaces may be forbidden, which only trying tells. */
function works(bubblewrap: string, view: SandboxView): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(bubblewrap, [...bubblewrapArgs(view), '--', process.execPath, '--version'], { stdio: 'ignore' })
    child.on('error', () => resolve(false))
    child.on('close', (code) => resolve(code === 0))
  })
}
