import { ProductDevice } from "./client.ts";
import type { ProductOptions } from "./product-parts.ts";
import type { DeviceFactory } from "./world.ts";

/** The product, unbroken. */
export const productDevice: DeviceFactory = (seat) => new ProductDevice(seat);

/** The product, broken on purpose in each of its processes. */
export function mutatedDevice(mutate: NonNullable<ProductOptions["mutate"]>): DeviceFactory {
  return (seat) => new ProductDevice(seat, { mutate });
}
