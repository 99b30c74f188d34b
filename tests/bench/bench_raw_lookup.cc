// The least a gRPC C++ program can do for one lookup: what `dispatchctl lookup` is held against as a process.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <cstdio>

#include "dispatchpb/dispatch.grpc.pb.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_raw_lookup TARGET COURIER_ID\n");
    return 2;
  }
  const auto stub =
      dispatchpb::DispatchGateway::NewStub(grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  dispatchpb::CourierLookupRequest request;
  request.set_courier_id(argv[2]);
  dispatchpb::CourierStatusReply reply;
  grpc::ClientContext context;
  const grpc::Status status = stub->GetCourierStatus(&context, request, &reply);
  if (status.ok()) {
    std::printf(R"({"courier_id":"%s","transport_mode":"%s","availability":"%s","current_zone":"%s"})"
                "\n",
                reply.courier_id().c_str(), reply.transport_mode().c_str(), reply.availability().c_str(),
                reply.current_zone().c_str());
  } else {
    std::fprintf(stderr, "bench_raw_lookup: %d: %s\n", static_cast<int>(status.error_code()),
                 status.error_message().c_str());
  }
  std::fflush(nullptr);
  // Tearing gRPC down costs a short process more than it is worth: the kernel closes the socket.
  _exit(status.ok() ? 0 : 64 + static_cast<int>(status.error_code()));
}
