export type Answer = 42
