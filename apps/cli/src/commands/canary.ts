import type { CanaryResource } from '@weft/api'
import { applyCanary, candidateOf, canaryPath, getCanary, patchCanary } from '../canary/client.ts'
import { CANARY_OPTIONS, canarySpec } from '../canary/read-options.ts'
import { canaryText } from '../canary/text.ts'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef, getFunction } from '../client/functions.ts'
import type { Command } from '../command.ts'
import { structured } from '../output/render.ts'
import { NAMESPACE_OPTION, textOption } from './options.ts'

const NAME = [{ syntax: '<name>', description: 'function, or NAME.NAMESPACE' }]

/** `weft canary start|status|promote|pause|resume|abort|stop`. */
export const canaryCommands: readonly Command[] = [
  {
    name: 'canary start',
    summary: 'have every new revision of a function tried on a share of its calls',
    description:
      'Creates or changes the canary of a function. From then on a new revision gets the share of each step in turn (or the calls that match, or none but copies), and all calls go back to the stable one when it fails.',
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, ...CANARY_OPTIONS],
    examples: [
      'weft canary start temp --steps 10,50 --interval 1m --success-rate 99 --p99 500ms',
      'weft canary start temp --step-weight 10 --max-weight 50 --max-below-baseline 1 --max-above-baseline 20',
      'weft canary start temp --match-header x-user=jason --match-cookie "group=beta*" --iterations 5',
      'weft canary start temp --mirror 100 --iterations 3',
    ],
    async run(invocation) {
      const ref = functionRef(invocation.args[0] ?? '', invocation.options)
      const client = await invocation.client()
      await getFunction(client, ref)
      await applyCanary(client, ref, canarySpec(ref.name, invocation.options))
      invocation.world.stdout.write(`New revisions of ${ref.name} go through its canary. See: weft canary status ${ref.name}\n`)
    },
  },
  {
    name: 'canary status',
    summary: 'where a canary stands and what has happened',
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, { flags: '-o, --output <format>', description: 'how to print', choices: ['json', 'yaml'] }],
    examples: ['weft canary status temp'],
    async run({ world, args, options, client }) {
      const canary = await getCanary(await client(), functionRef(args[0] ?? '', options))
      const format = textOption(options, 'output')
      world.stdout.write(format === undefined ? canaryText(canary, Date.now()) : structured(canary, format))
    },
  },
  change({
    verb: 'promote',
    summary: 'give the candidate all calls now',
    spec: (canary) => ({ promote: candidateOf(canary), abort: null, paused: false }),
    done: (canary) => `${candidateOf(canary)} gets all calls of ${canary.spec.function} as soon as it is ready.`,
  }),
  change({
    verb: 'abort',
    summary: 'send all calls back to the stable revision',
    spec: (canary) => ({ abort: candidateOf(canary), promote: null }),
    done: (canary) => `All calls of ${canary.spec.function} go back to ${canary.status?.stable ?? 'the stable revision'}.`,
  }),
  change({
    verb: 'pause',
    summary: 'stay at the present step (a failing candidate is rolled back all the same)',
    spec: () => ({ paused: true }),
    done: (canary) => `The canary of ${canary.spec.function} stays at its present step until: weft canary resume ${canary.spec.function}`,
  }),
  change({
    verb: 'resume',
    summary: 'go on after a pause',
    spec: () => ({ paused: false }),
    done: (canary) => `The canary of ${canary.spec.function} goes on.`,
  }),
  {
    name: 'canary stop',
    summary: 'remove the canary of a function: traffic goes to its newest ready revision again',
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION],
    examples: ['weft canary stop temp'],
    async run({ world, args, options, client }) {
      const ref = functionRef(args[0] ?? '', options)
      await (await client()).json({ method: 'DELETE', path: canaryPath(ref) })
      world.stdout.write(`${ref.name} has no canary any more.\n`)
    },
  },
]

interface Change {
  readonly verb: string
  readonly summary: string
  readonly spec: (canary: CanaryResource) => object
  /** What the user reads then. */
  readonly done: (canary: CanaryResource) => string
}

function change({ verb, summary, spec, done }: Change): Command {
  return {
    name: `canary ${verb}`,
    summary,
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION],
    examples: [`weft canary ${verb} temp`],
    async run({ world, args, options, client }) {
      const ref = functionRef(args[0] ?? '', options)
      const gateway = await client()
      const canary = await getCanary(gateway, ref)
      await patchCanary(gateway, ref, spec(canary))
      world.stdout.write(`${done(canary)} See: weft canary status ${ref.name}\n`)
    },
  }
}
