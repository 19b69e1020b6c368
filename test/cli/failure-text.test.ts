import { describe, expect, test } from 'vitest'
import { errorLines } from '../../src/cli/failure-text.ts'
import type { ErrorSummary } from '../../src/core/events.ts'

const failed = (summary: Partial<ErrorSummary>): string[] =>
  errorLines({ code: 'TASK_FAILED', name: 'Error', message: 'boom', ...summary }, false)

describe('the lines of a failure', () => {
  test('say a message once, of however many lines, with the class where there is one', () => {
    expect(failed({ message: 'one\ntwo', stack: 'Error: one\ntwo\n    at f (a.ts:1:2)' })).toEqual(['one', 'two', '    at f (a.ts:1:2)'])
    expect(failed({ name: 'RangeError', stack: 'RangeError: boom\n    at f (a.ts:1:2)' })).toEqual([
      'RangeError: boom',
      '    at f (a.ts:1:2)',
    ])
    expect(failed({ name: 'QuotaError', stack: 'Error: boom' })).toEqual(['QuotaError: boom'])
  })

  test('keep the code that a syntax error shows', () => {
    const stack = 'a.js:3\nlet let\n    ^^^\n\nSyntaxError: let is disallowed\n    at compile (a.js:3:1)'
    expect(failed({ code: 'TASK_NOT_LOADED', name: 'SyntaxError', message: 'let is disallowed', stack })).toEqual(
      expect.arrayContaining(['let let', 'SyntaxError: let is disallowed']),
    )
  })

  test('end with what lies behind it, after the way to the root', () => {
    const path = [
      { id: 'root-1', task: 'm:root' },
      { id: 'leaf-1', task: 'm:leaf', at: 'at root (a.ts:9:3)' },
    ]
    const causes = [
      { name: 'TypeError', message: 'no answer\nat all', stack: '    at g (a.ts:4:5)' },
      { name: '', message: '"text"' },
    ]
    expect(failed({ stack: 'Error: boom\n    at f (a.ts:1:2)', path, causes })).toEqual([
      'boom',
      '    at f (a.ts:1:2)',
      '    at m:root (a.ts:9:3)',
      'caused by TypeError: no answer',
      'at all',
      '    at g (a.ts:4:5)',
      'caused by "text"',
    ])
  })
})
