import { lstatSync, readlinkSync } from 'node:fs'

/** A command in namespaces of its own, arranged as the process provider does it: only the loopback, `/etc/resolv.conf` writable by the replica. */
export function sandboxCommand(command: readonly string[], see: { readonly writable: string; readonly readable: readonly string[] }): string[] {
  const top = ['/bin', '/sbin', '/lib', '/lib64'].flatMap((path) => {
    const known = lstatSync(path, { throwIfNoEntry: false })
    if (known === undefined) return []
    return known.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path]
  })
  const own = see.readable.flatMap((path) => ['--ro-bind', path, path])
  const namespaces = '--unshare-net --unshare-pid --die-with-parent --cap-add CAP_NET_BIND_SERVICE'.split(' ')
  const system = '--ro-bind /usr /usr --proc /proc --dev /dev --tmpfs /tmp --tmpfs /weft/etc'.split(' ')
  const etc = '--dir /etc --symlink /weft/etc/resolv.conf /etc/resolv.conf --ro-bind /etc/nsswitch.conf /etc/nsswitch.conf'.split(' ')
  return ['bwrap', ...namespaces, ...system, ...top, '--bind', see.writable, see.writable, ...own, ...etc, '--', ...command]
}
