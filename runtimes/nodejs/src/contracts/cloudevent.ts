import type { Contract, ContractInput } from './contract.ts'
export function cloudeventContract(_input: ContractInput): Contract { throw new Error('later') }
