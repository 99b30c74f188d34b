// The same contract served by grpc-go, with the mock's built-in fleet: what dispatch-mock is held against.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	pb "dispatchpb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type gateway struct {
	pb.UnimplementedDispatchGatewayServer
	couriers map[string]*pb.CourierStatusReply
	mutex    sync.Mutex
	decided  map[string]bool
}

func newGateway() *gateway {
	modes := []string{"car", "van", "bike", "foot"}
	g := &gateway{couriers: map[string]*pb.CourierStatusReply{}, decided: map[string]bool{}}
	for i := 1; i <= 1000; i++ {
		id := fmt.Sprintf("courier-%d", i)
		g.couriers[id] = &pb.CourierStatusReply{
			CourierId:     id,
			TransportMode: modes[i%len(modes)],
			Availability:  "available",
			CurrentZone:   fmt.Sprintf("zone-%d", i%50),
		}
	}
	return g
}

func (g *gateway) GetCourierStatus(_ context.Context, request *pb.CourierLookupRequest) (*pb.CourierStatusReply, error) {
	courier, found := g.couriers[request.CourierId]
	if !found {
		return nil, status.Errorf(codes.NotFound, "courier %s not found", request.CourierId)
	}
	return courier, nil
}

// A decision once taken stays, as in the mock: both servers keep the same ledger.
func (g *gateway) review(update *pb.AssignmentUpdate) bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if decision, seen := g.decided[update.AssignmentId]; seen {
		return decision
	}
	courier, found := g.couriers[update.CourierId]
	decision := found && courier.Availability == "available"
	g.decided[update.AssignmentId] = decision
	return decision
}

func (g *gateway) StreamAssignments(stream pb.DispatchGateway_StreamAssignmentsServer) error {
	for {
		update, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&pb.AssignmentResult{
			AssignmentId: update.AssignmentId, Accepted: g.review(update),
		}); err != nil {
			return err
		}
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterDispatchGatewayServer(server, newGateway())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		server.Stop()
	}()
	fmt.Printf("{\"event\":\"ready\",\"listen\":[%q],\"pid\":%d}\n", listener.Addr(), os.Getpid())
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
