/** A call of three levels in a test's runtime, with a megabyte there and back at each, against the codec alone and a chain of promises. */
import { task } from 'cowait'
import { createTestRuntime } from 'cowait/testing'
import { records } from '../lib/records.mjs'
import { runtimeModule } from '../lib/runtime.mjs'

const { encode } = runtimeModule('core/values/encode.ts')
const { decode } = runtimeModule('core/values/decode.ts')
const value = records(6_000)
const levels = 3

const deep = task(async ({ level, value }) => (level === 1 ? value : await deep({ level: level - 1, value })))

async function bare({ level, value }) {
  const input = decode(encode({ level, value }))
  await Promise.resolve()
  const output = level === 1 ? input.value : await bare({ level: level - 1, value: input.value })
  return decode(encode(output))
}

let runtime

export const name = 'test-runtime'
export const goal = 2
export const rounds = 20
export const warmUps = 3

export function open() {
  runtime = createTestRuntime()
}

export async function close() {
  await runtime[Symbol.asyncDispose]()
}

export async function floor() {
  const started = performance.now()
  await bare({ level: levels, value })
  return performance.now() - started
}

export async function subject() {
  const started = performance.now()
  await runtime.run(deep, { level: levels, value })
  return performance.now() - started
}
