/** When a gRPC channel comes up and goes down. */
import { type ChannelInterface, connectivityState } from "@grpc/grpc-js";

/** Tells of every change until the channel is closed. Keeps no process alive. */
export function watchChannel(channel: ChannelInterface, onChange: (isConnected: boolean) => void): void {
  let isConnected = false;
  const look = () => {
    const state = channel.getConnectivityState(false);
    const isNow = state === connectivityState.READY;
    if (isNow !== isConnected) onChange(isNow);
    isConnected = isNow;
    if (state !== connectivityState.SHUTDOWN) channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, look);
  };
  look();
}
