import type { MeshSnapshot, WorkloadKey } from '@weft/mesh-model'
import type { NodeLayout, TelemetrySettings, Touched } from '../encode/types.ts'
import { inForce, type Straggler } from '../xds/delivery.ts'
import type { Proxy, ProxyWorld } from './proxy.ts'

/** The proxies of this machine. The first has the ingress; every workload is served by one of them. */
export class Fleet {
  readonly front: Proxy
  readonly all: readonly Proxy[]
  readonly #byNode: ReadonlyMap<string, Proxy>
  #layouts: ReadonlyMap<string, NodeLayout>

  constructor(front: Proxy, others: readonly Proxy[]) {
    this.front = front
    this.all = [front, ...others]
    this.#byNode = new Map(this.all.map((proxy) => [proxy.layout.node, proxy]))
    this.#layouts = new Map(this.all.map(({ layout }) => [layout.node, layout]))
  }

  /** The proxy with an xds node id. */
  get(node: string): Proxy | undefined {
    return this.#byNode.get(node)
  }

  /** The proxy that serves a workload, or will; the first one for a workload that nobody knows. */
  serving(snapshot: Pick<MeshSnapshot, 'workloads'>, workload: WorkloadKey): Proxy {
    return this.#byNode.get(snapshot.workloads.get(workload)?.proxy ?? '') ?? this.front
  }

  /** Sends what follows from the changes to the proxies that they concern. */
  publish(world: Omit<ProxyWorld, 'layouts'>, touched: Partial<Touched> | 'everything', to: readonly Proxy[] = this.all): void {
    for (const proxy of to) proxy.publish({ ...world, layouts: this.#layouts }, touched)
  }

  /** What calls leave behind from the next time on that everything is sent. */
  changeTelemetry(telemetry: TelemetrySettings): void {
    this.#layouts = new Map([...this.#layouts].map(([node, layout]) => [node, { ...layout, telemetry }]))
  }

  /** Hands the certificates and roots in force to all. */
  async renewSecrets(): Promise<void> {
    await Promise.all(this.all.map((proxy) => proxy.renewSecrets()))
  }

  /** Waits until every proxy has acknowledged its certificates and the roots. @returns who was not waited for any longer */
  async secretsInForce(signal: AbortSignal): Promise<readonly Straggler[]> {
    const stragglers = await Promise.all(this.all.map((proxy) => inForce(proxy.state, proxy.secretTargets(), signal)))
    return stragglers.filter((straggler) => straggler !== undefined)
  }

  /**
   * With the next publication of everything, each listener of a callee is changed a little, so that Envoy ends the connections that it has: softly at first, in any case when
   * its drain time is over.
   */
  endOldConnections(): void {
    this.#layouts = new Map([...this.#layouts].map(([node, layout]) => [node, { ...layout, trustEpoch: (layout.trustEpoch ?? 0) + 1 }]))
  }

  /** Waits until everything that was changed is in force everywhere. @returns who was not waited for any longer */
  async settled(signal: AbortSignal): Promise<readonly Straggler[]> {
    const stragglers = await Promise.all(this.all.map((proxy) => inForce(proxy.state, proxy.openTargets(), signal)))
    return stragglers.filter((straggler) => straggler !== undefined)
  }
}
