import { answerOf } from './plain-runtime.mjs'

export const answer = () => answerOf(42)
