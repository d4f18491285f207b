import { WeftError } from './errors.ts'

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const PART = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/gy

/**
 * Reads a duration as Go writes it (`"30s"`, `"1m30s"`, `"250ms"`) or as whole seconds (`"180"`, `180`).
 * @returns milliseconds
 * @throws WeftError `INVALID_VALUE` naming `field`
 */
export function parseDurationMs(value: string | number, field: string): number {
  if (typeof value === 'number') {
    if (Number.isFinite(value) && value >= 0) return value * 1000
  } else if (/^\d+(?:\.\d+)?$/.test(value)) {
    return Number(value) * 1000
  } else {
    let total = 0
    let end = 0
    PART.lastIndex = 0
    for (let part = PART.exec(value); part !== null; part = PART.exec(value)) {
      total += Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? Number.NaN)
      end = PART.lastIndex
    }
    if (end === value.length && end > 0) return total
  }
  throw new WeftError('INVALID_VALUE', { field, reason: `"${value}" is not a duration such as "30s", "1m30s" or "250ms"` })
}

const MEMORY_FACTOR: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  m: 2 ** 20, // OpenFaaS on Docker: "128m"
  g: 2 ** 30,
}

/**
 * Reads a Kubernetes memory quantity (`"128Mi"`, `"1G"`, `"128m"` as Docker has it).
 * @returns bytes
 * @throws WeftError `INVALID_VALUE` naming `field`
 */
export function parseMemoryBytes(value: string, field: string): number {
  const match = /^(\d+(?:\.\d+)?)([kMGTmg]|[KMGT]i)?$/.exec(value)
  const factor = MEMORY_FACTOR[match?.[2] ?? '']
  if (match === null || factor === undefined) {
    throw new WeftError('INVALID_VALUE', { field, reason: `"${value}" is not an amount of memory such as "128Mi" or "1Gi"` })
  }
  return Math.round(Number(match[1]) * factor)
}

/**
 * Reads a Kubernetes CPU quantity (`"100m"`, `"0.5"`, `"2"`).
 * @returns thousandths of a core
 * @throws WeftError `INVALID_VALUE` naming `field`
 */
export function parseCpuMillis(value: string, field: string): number {
  const match = /^(\d+(?:\.\d+)?)(m)?$/.exec(value)
  if (match === null) throw new WeftError('INVALID_VALUE', { field, reason: `"${value}" is not an amount of CPU such as "100m" or "0.5"` })
  return Math.round(Number(match[1]) * (match[2] === 'm' ? 1 : 1000))
}
