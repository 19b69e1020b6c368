/**
 * A call of three levels with a number there and back at each, in processor time, against a millisecond a level. Twice the codec and a
 * chain of promises (`least`) is out of reach for values this small: a call there is a few microseconds, and here it is a whole run, with
 * a channel of its own, eight messages in frames, its scope, its events and its end. None of that is left out, so that a test sees what a
 * worker would do; it is some tenths of a millisecond, spread evenly.
 */
import { task } from 'cowait'
import { createTestRuntime } from 'cowait/testing'
import { runtimeModule } from '../lib/runtime.mjs'

const { encode } = runtimeModule('core/values/encode.ts')
const { decode } = runtimeModule('core/values/decode.ts')
const levels = 3
const calls = 200

const deep = task(async ({ level }) => (level === 1 ? 1 : await deep({ level: level - 1 })))

async function bare({ level }) {
  const input = decode(encode({ level }))
  await Promise.resolve()
  const output = input.level === 1 ? 1 : await bare({ level: level - 1 })
  return decode(encode(output))
}

let runtime

export const name = 'test-runtime-small'
export const goal = 1
export const rounds = 5
export const warmUps = 1

export function open() {
  runtime = createTestRuntime()
}

export async function close() {
  await runtime[Symbol.asyncDispose]()
}

export async function floor() {
  return levels
}

export const least = () => processorMs(() => bare({ level: levels }))

export const subject = () => processorMs(() => runtime.run(deep, { level: levels }))

async function processorMs(call) {
  const before = process.cpuUsage()
  for (let n = 0; n < calls; n++) await call()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000 / calls
}
