/** Reads what a pod says of itself. User code runs beside the program that says it, so it may be anything. */
import { isIP } from 'node:net'
import type { Listening, PodExit } from './pod-frames.ts'

const mostAddresses = 16
const longestText = 4096

/** A problem where it is not what it should be. */
export function readListening(payload: Buffer): Listening {
  const { addresses, port, problem } = recordOf(payload)
  if (typeof problem === 'string') return { problem: problem.slice(0, longestText) }
  const isPort = Number.isInteger(port) && Number(port) > 0 && Number(port) < 1 << 16
  if (
    !isPort ||
    !Array.isArray(addresses) ||
    addresses.length > mostAddresses ||
    !addresses.every((one) => typeof one === 'string' && isIP(one))
  )
    return { problem: 'what it says of its addresses cannot be read' }
  return { addresses: addresses as string[], port: Number(port) }
}

/** A fault where it is not what it should be. */
export function readExit(payload: Buffer): PodExit {
  const { code, signal, wasTerminated, wasOrphaned, outOfMemory, peakBytes, limitBytes, fault } = recordOf(payload)
  const hasEnd = Number.isInteger(code) || (typeof signal === 'string' && /^SIG[A-Z0-9]{1,12}$/.test(signal))
  if (!hasEnd && typeof fault !== 'string') return { code: null, signal: null, fault: 'what its pod says of its end cannot be read' }
  return {
    code: Number.isInteger(code) ? Number(code) : null,
    signal: Number.isInteger(code) || !hasEnd ? null : String(signal),
    ...(wasTerminated === true && { wasTerminated }),
    ...(wasOrphaned === true && { wasOrphaned }),
    ...(outOfMemory === true && { outOfMemory }),
    ...(Number.isFinite(peakBytes) && { peakBytes: Number(peakBytes) }),
    ...(Number.isFinite(limitBytes) && { limitBytes: Number(limitBytes) }),
    ...(typeof fault === 'string' && { fault: fault.slice(0, longestText) }),
  }
}

function recordOf(payload: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
