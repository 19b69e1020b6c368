import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import type * as errors from '../../src/core/errors.ts'
import {
  CowaitError,
  EngineError,
  NotSerializableError,
  ProtocolError,
  RemoteError,
  TaskCancelledError,
  TaskError,
  TaskFailedError,
  TaskLostError,
  TaskTimeoutError,
  UsageError,
  ValidationError,
} from '../../src/core/errors.ts'

const init = { taskId: 'sleep-x7k2m9qd', task: 'jobs/sleep:sleep', message: 'it ended' }

const made = {
  TaskFailedError: new TaskFailedError({ ...init, cause: new RangeError('boom') }),
  TaskCancelledError: new TaskCancelledError(init),
  TaskTimeoutError: new TaskTimeoutError(init),
  TaskLostError: new TaskLostError({ ...init, exit: { how: 'out-of-memory', code: 137 }, lastLines: ['bye'] }),
  ValidationError: new ValidationError({ ...init, issues: [{ message: 'no', path: ['a'] }] }),
  EngineError: new EngineError('no daemon', { hint: 'start it' }),
  ProtocolError: new ProtocolError('what?'),
  UsageError: new UsageError('no'),
  NotSerializableError: new NotSerializableError('input is a function'),
}
const codes = [
  'TASK_FAILED',
  'TASK_CANCELLED',
  'TASK_TIMEOUT',
  'TASK_LOST',
  'INVALID_INPUT',
  'ENGINE',
  'PROTOCOL',
  'USAGE',
  'NOT_SERIALIZABLE',
]

test('each has its code, its name, and prints by it', () => {
  expect(Object.values(made).map(({ code }) => code)).toEqual(codes)
  for (const [name, error] of Object.entries(made)) {
    expect(error.name).toBe(name)
    expect(error.stack).toMatch(new RegExp(`^${name}: `))
    expect(error).toBeInstanceOf(CowaitError)
    expect(error).toBeInstanceOf(Error)
    expect(Object.keys(error)).not.toContain('name')
  }
})

test('only useful fields print', () => {
  expect(Object.keys(made.UsageError)).toEqual(['code'])
  expect(Object.keys(made.TaskCancelledError).toSorted()).toEqual(['code', 'task', 'taskId'])
  expect(Object.keys(new TaskLostError(init))).not.toContain('exit')
  expect(Object.hasOwn(made.UsageError, 'cause')).toBe(false)
  expect(inspect(new RemoteError('m', { name: 'E' }))).not.toContain('data')
})

test('a run that never started has an empty id', () => {
  expect(new TaskCancelledError({ task: 'a:b', message: 'm' }).taskId).toBe('')
})

test('a failure without a path is the path of one', () => {
  expect(made.TaskFailedError.path).toEqual([{ id: init.taskId, task: init.task }])
  expect(made.TaskFailedError.cause).toBeInstanceOf(RangeError)
})

test('a payload too large has a code of its own', () => {
  expect(new NotSerializableError('m', { code: 'PAYLOAD_TOO_LARGE' }).code).toBe('PAYLOAD_TOO_LARGE')
})

describe('instanceof', () => {
  test('goes by the tree', () => {
    for (const name of ['TaskFailedError', 'TaskCancelledError', 'TaskTimeoutError', 'TaskLostError', 'ValidationError'] as const)
      expect(made[name]).toBeInstanceOf(TaskError)
    for (const name of ['EngineError', 'ProtocolError', 'UsageError', 'NotSerializableError'] as const)
      expect(made[name]).not.toBeInstanceOf(TaskError)
    expect(made.TaskTimeoutError).not.toBeInstanceOf(TaskCancelledError)
    expect(new Error('x')).not.toBeInstanceOf(CowaitError)
    expect(new RemoteError('x', { name: 'E' })).not.toBeInstanceOf(CowaitError)
  })

  test('holds between two copies of the package', async () => {
    const path = '../../src/core/errors.ts?copy'
    const copy = (await import(/* @vite-ignore */ path)) as typeof errors
    expect(copy.TaskError).not.toBe(TaskError)
    const other = new copy.TaskTimeoutError(init)
    expect(other).toBeInstanceOf(TaskTimeoutError)
    expect(other).toBeInstanceOf(TaskError)
    expect(other).not.toBeInstanceOf(TaskLostError)
    expect(made.TaskTimeoutError).toBeInstanceOf(copy.CowaitError)
    expect(new copy.RemoteError('m', { name: 'E' })).toBeInstanceOf(RemoteError)
  })

  test('of a class of a user that extends one of ours goes by the prototype', () => {
    class Special extends TaskError {}
    const special = new Special('TASK_FAILED', init)
    expect(special).toBeInstanceOf(Special)
    expect(special).toBeInstanceOf(TaskError)
    expect(made.TaskCancelledError).not.toBeInstanceOf(Special)
    expect({}).not.toBeInstanceOf(Special)
  })

  test('of anything else is false', () => {
    for (const value of [null, undefined, 1, 'TaskError', () => 1, { name: 'TaskError', code: 'TASK_FAILED' }])
      expect((value as unknown) instanceof TaskError).toBe(false)
  })
})

test('a remote error prints with the name that it had', () => {
  const error = new RemoteError('over quota', {
    name: 'QuotaError',
    code: 'Q',
    data: { retryAfter: 30 },
    stack: 'QuotaError: over quota\n    at charge (bank.ts:3:9)',
  })
  expect(error.name).toBe('QuotaError')
  expect(String(error)).toBe('QuotaError: over quota')
  const printed = inspect(error)
  expect(printed).toContain('QuotaError')
  expect(printed).toContain('at charge (bank.ts:3:9)')
  expect(printed).toContain('retryAfter: 30')
})
