import { Agent } from 'node:http'
import { until, type Answer, type Replica } from './replica.ts'

/** What clients of a pool saw until they stopped. */
export interface PoolTraffic {
  readonly agent: Agent
  readonly answers: readonly Answer[]
  readonly failures: readonly unknown[]
}

/** As many clients as `connections` POST over one pool; the replica is told to end after `calls` answers, and they stop after as many again. */
export async function drainUnderTraffic(replica: Replica, connections: number, calls: number): Promise<PoolTraffic> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const answers: Answer[] = []
  const failures: unknown[] = []
  const traffic = { on: true }
  const client = async (): Promise<void> => {
    while (traffic.on)
      await replica.ask({ agent, body: 'x' }).then(
        (answer) => answers.push(answer),
        (error: unknown) => failures.push(error),
      )
  }
  const clients = Array.from({ length: connections }, client)
  await until(() => answers.length > calls, 'traffic')
  replica.child.kill('SIGTERM')
  const before = answers.length
  await until(() => answers.length > before + calls, 'traffic while draining')
  traffic.on = false
  await Promise.all(clients)
  return { agent, answers, failures }
}
