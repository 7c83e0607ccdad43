import { mapUncaughtStacks } from "#base/platform/embedded/stack-trace.ts";

// First module of every bundle.
mapUncaughtStacks();
